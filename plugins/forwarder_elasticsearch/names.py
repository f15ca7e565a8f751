"""What ``setup`` installs, by the names that it has for an output.

The files in ``assets/`` are for data streams. An output with ``index`` has objects of its own, so
that both may be in one cluster: ``logs-cisco_esa@pipeline`` becomes
``cisco_esa.esa-logins@pipeline``, and what is for the data streams is for its indices.
"""

import json
import re
from fnmatch import fnmatchcase
from importlib.resources import files

from forwarder_bulk.output import ANY, pattern_of

from forwarder import ConfigError

ASSETS = files("forwarder_elasticsearch") / "assets"
TEMPLATE = "logs-cisco_esa"  # begins the names of what is in a cluster
STREAMS = f"{TEMPLATE}.*-*"  # data streams that the template is for
PREFIX = "cisco_esa-"  # begins the ids of saved objects
_RULE = '"rule_id": "'  # before the id of a rule
_OF_OTHERS = [f"{x}a.b-c-d.e" for x in ("logs-", "metrics-", "traces-", "synthetics-", ".")]
"""Names that Elastic's own templates match; ours would take precedence."""


class Names:
    """The names of one output."""

    def __init__(self, index: str | None) -> None:
        """Use the names for data streams if there is no index."""
        self.template, self.pattern, self.prefix = TEMPLATE, STREAMS, PREFIX
        self.is_plain = index is not None
        if index is not None:
            self.pattern = pattern_of(index)
            stem = index.partition("%")[0].rstrip("-._+")
            self.template, self.prefix = f"cisco_esa.{stem}", f"cisco_esa.{stem}."

    def read(self, name: str) -> str:
        """Read a file that is shipped with the plugin."""
        text = (ASSETS / name).read_text(encoding="utf-8")
        if not self.is_plain:
            return text
        others = {
            ANY: self.pattern,
            STREAMS: self.pattern,
            TEMPLATE: self.template,
            PREFIX: self.prefix,
            _RULE: _RULE + self.prefix,
        }
        text = re.sub("|".join(map(re.escape, others)), lambda x: others[x[0]], text)
        if name == "component_template.json":
            # Documents of several namespaces are in one index.
            return text.replace('"constant_keyword"', '"keyword"')
        if name == "index_template.json":
            value = json.loads(text)
            del value["data_stream"]
            # Its policy would roll the index over, which needs an alias or a data stream.
            for key in ("composed_of", "ignore_missing_component_templates"):
                value[key].remove("logs@settings")
            return json.dumps(value, indent=2) + "\n"
        return text


def names_for(index: str | None) -> Names:
    """Return the names for a setup; raises ConfigError if they would match others' indices."""
    names = Names(index)
    if names.is_plain and (
        names.prefix == "cisco_esa.." or any(fnmatchcase(x, names.pattern) for x in _OF_OTHERS)
    ):
        raise ConfigError(
            f"index {index!r} cannot be set up: a template for {names.pattern} would be used for"
            " indices of others, too. Begin it with a name of its own, like esa-logins-%Y.%m."
        )
    return names
