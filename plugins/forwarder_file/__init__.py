"""The output ``file``: one document a line, appended, exactly once whatever is killed.

Read on in :mod:`forwarder_file.output`.
"""

from collections.abc import Iterable

from forwarder import OutputPlugin, hookimpl
from forwarder_file.checking import check
from forwarder_file.output import FileOutput
from forwarder_file.settings import Settings


@hookimpl
def forwarder_outputs() -> Iterable[OutputPlugin]:
    """Give the type ``file``."""
    return [OutputPlugin(name="file", config=Settings, build=FileOutput, check=check)]
