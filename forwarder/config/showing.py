"""A configuration as it takes effect: with every default, and without secrets."""

import io

from pydantic import BaseModel
from ruamel.yaml import YAML

from forwarder.config.fields import is_secret, secret_names
from forwarder.config.interpolation import escape
from forwarder.config.issue import Where
from forwarder.config.load import Config
from forwarder.masking import MASK, mask_url

_WIDTH = 4096
"""Characters of a line, so that no value is broken over several."""


def show(config: Config) -> str:
    """Write a configuration as YAML.

    Read again, it means the same, but for the secrets: what a plugin calls one, what has the name
    of one, what comes from a file, passwords in URLs, and the queries of URLs that have one or
    come from the environment.
    """
    values = {
        "state": str(config.state),
        "inputs": [_values(x) for x in config.inputs],
        "outputs": {
            x.name: {**_values(x.delivery), **_values(x.settings)} for x in config.outputs.values()
        },
        "documents": _values(config.documents),
        "spool": _values(config.spool),
        "dead_letters": _values(config.dead_letters),
        "log": _values(config.log),
    }
    secrets = {x.name: secret_names(x.plugin.config) for x in config.outputs.values()}

    def mask(value: object, where: Where) -> object:
        names = secrets[str(where[1])] if len(where) > 1 and where[0] == "outputs" else ()
        if isinstance(value, dict):
            return {key: mask(item, (*where, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [mask(item, (*where, number)) for number, item in enumerate(value)]
        if value is None:
            return None
        written = config.source.written.get(where)
        if is_secret(where, names) or "${file:" in (written or ""):
            return MASK
        if isinstance(value, str):
            return escape(mask_url(value, whole=written is not None))
        return value

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    # mypy takes the type from the value in the class, which is None.
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = _WIDTH
    text = io.StringIO()
    yaml.dump(mask(values, ()), text)
    return text.getvalue()


def _values(settings: BaseModel) -> dict[str, object]:
    return settings.model_dump(mode="json", by_alias=True, fallback=str)
