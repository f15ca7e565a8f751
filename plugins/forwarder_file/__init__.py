"""The output ``file``: one document a line, appended, exactly once whatever is killed."""

from collections.abc import Iterable

from forwarder import OutputPlugin, hookimpl
from forwarder_file.output import FileOutput, Settings, check


@hookimpl
def forwarder_outputs() -> Iterable[OutputPlugin]:
    """Register the type ``file``."""
    return [OutputPlugin(name="file", config=Settings, build=FileOutput, check=check)]
