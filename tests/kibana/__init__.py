"""What Kibana would ask Elasticsearch: panels, searches and rules in their query form."""
