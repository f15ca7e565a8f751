"""What ``esa-forwarder setup`` brings to Elasticsearch and Kibana, step by step.

Everything that is brought is in ``assets/``; nothing is made here. Each object has a version:
setting up again writes what is older or the same, and leaves what a newer program brought.
"""

import re
from collections.abc import Iterator

from forwarder import ConfigError, SetupOptions, Step
from forwarder_elasticsearch.settings import Settings
from forwarder_elasticsearch.setup_assets import asset, export_rules, for_flavor
from forwarder_elasticsearch.setup_cluster import Cluster, install, key_request, remove
from forwarder_elasticsearch.setup_kibana import Kibana, export_objects, import_all, remove_all

_RETENTION = re.compile(r"[1-9][0-9]{0,8}[dhms]")
"""What Elasticsearch takes for the lifecycle of a data stream, but for parts of a second; with more
digits, it is longer than it can reckon with."""
_FLAVORS = ("elasticsearch", "opensearch")


def setup(settings: Settings, options: SetupOptions) -> Iterator[Step]:
    """Give the steps.

    Args:
        settings: Of the output.
        options: What the command line asks for. ``flavor: opensearch`` gives what a cluster of
            OpenSearch can use, for people to bring there.

    Raises:
        ConfigError: The options contradict one another.
    """
    flavor = "elasticsearch" if options.flavor is None else options.flavor
    if flavor not in _FLAVORS:
        raise ConfigError(f"flavor {flavor!r} is none of {', '.join(_FLAVORS)}.")
    if options.retention is not None and _RETENTION.fullmatch(options.retention) is None:
        raise ConfigError(
            f"retention {options.retention!r} is no time: a whole number from 1 on, with its unit"
            " right behind it, d, h, m or s, like 90d. Elasticsearch has no weeks, months or years."
        )
    if flavor == "opensearch":
        yield from _steps_for_opensearch(options)
        return
    if options.space is not None and options.kibana is None:
        raise ConfigError("a space is of a Kibana; name that, too.")
    cluster = Cluster(settings, options)
    kibana = Kibana(settings, options) if options.kibana is not None else None
    if options.remove:
        if kibana is not None:
            yield from remove_all(kibana)
        yield from remove(cluster)
        return
    yield from install(cluster, options.retention)
    if kibana is not None:
        yield from import_all(kibana)
    else:
        yield from export_objects()
    yield from export_rules()
    yield key_request()


def _steps_for_opensearch(options: SetupOptions) -> Iterator[Step]:
    """Give what OpenSearch takes; the client of Elasticsearch refuses it, so nothing is done."""
    if options.kibana is not None or options.retention is not None or options.remove:
        raise ConfigError(
            "for OpenSearch there are a template and a pipeline to be exported, and nothing else:"
            " no Kibana, no retention (use a policy of ISM), and nothing to remove."
        )
    for name, path in (
        ("pipeline", "/_ingest/pipeline/logs-cisco_esa@pipeline"),
        ("component_template", "/_component_template/logs-cisco_esa@mappings"),
        ("index_template", "/_index_template/logs-cisco_esa"),
    ):
        body = for_flavor(name, asset(f"{name}.json"))
        yield Step(name.replace("_", " "), f"PUT {path}", body, f"opensearch/{name}.json")
    yield from export_rules()
