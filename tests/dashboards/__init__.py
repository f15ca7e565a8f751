"""What analysts look at in Kibana: its pages and questions, what is made of them, and a preview."""
