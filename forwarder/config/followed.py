"""What a configuration asks to follow."""

import os
from collections.abc import Sequence
from pathlib import Path

from forwarder.config.models import FilesSettings, InputSettings, StdinSettings
from forwarder.inputs.files.paths import is_pattern
from forwarder.inputs.files.scanner import FileSource, StartAt


def file_sources(inputs: Sequence[InputSettings], state: Path) -> list[FileSource]:
    """Give the files that inputs ask for, each in its place in the settings.

    So a piece can say which input asked for it.

    Args:
        inputs: As in the configuration.
        state: The state folder, which is left out.
    """
    own = os.path.realpath(state)
    return [
        FileSource(())
        if isinstance(x, StdinSettings)
        else FileSource(
            x.paths, x.appliance, StartAt(x.start_at), x.ignore_older, own, x.follow_symlinks
        )
        for x in inputs
    ]


def named_by(inputs: Sequence[InputSettings]) -> frozenset[str]:
    """Give the paths, absolute, that inputs name without a pattern."""
    paths = [y for x in inputs if isinstance(x, FilesSettings) for y in x.paths]
    return frozenset(os.path.abspath(x) for x in paths if not is_pattern(x) or os.path.lexists(x))  # noqa: PTH100 - as the inputs do
