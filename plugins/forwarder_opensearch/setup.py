"""What ``esa-forwarder setup`` has for OpenSearch: files, which people install.

They are those of Elasticsearch, without what OpenSearch lacks: its geoip processor reads a source
of data that the cluster sets up (``ip2geo``), it has none of Elastic's component templates, and
keeps no ``_meta`` of pipelines.
"""

import json
from collections.abc import Iterator

from forwarder_bulk.settings import ClusterSettings
from forwarder_elasticsearch.names import names_for
from forwarder_elasticsearch.setup import export_rules, objects

from forwarder import ConfigError, SetupOptions, Step


def setup(settings: ClusterSettings, options: SetupOptions) -> Iterator[Step]:
    """Return the steps, which are all for people to do."""
    if options.remove or options.key_file is not None:
        raise ConfigError("for OpenSearch, setup neither removes nor makes keys; it has files.")
    for found in objects(names_for(settings.index)):
        text = found.body.replace('"match_only_text"', '"text"')
        # Not every OpenSearch 2 has the one type; the other it takes only with a value.
        value = json.loads(text.replace('"constant_keyword"', '"keyword"'))
        if found.kind == "pipeline":
            value["processors"] = [x for x in value["processors"] if "set" in x]
            del value["_meta"]
        elif found.kind == "index_template":
            value["composed_of"] = [x for x in value["composed_of"] if x.endswith("@mappings")][:1]
            del value["ignore_missing_component_templates"], value["allow_auto_create"]
        body = json.dumps(value, indent=2) + "\n"
        yield Step(found.title, f"PUT {found.path}", body, f"opensearch/{found.kind}.json")
    yield from export_rules()
