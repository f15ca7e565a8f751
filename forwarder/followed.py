"""What a configuration asks to follow."""

import os
from collections.abc import Sequence
from pathlib import Path

from forwarder.inputs.sightings import Followed, StartAt
from forwarder.settings.models import InputSettings, StdinSettings


def followed_by(inputs: Sequence[InputSettings], state: Path) -> list[Followed]:
    """Give the files that inputs ask for, each in its place in the settings.

    So a piece can say which input asked for it.

    Args:
        inputs: As in the configuration.
        state: The state folder, which is left out.
    """
    own = os.path.realpath(state)
    return [
        Followed(())
        if isinstance(x, StdinSettings)
        else Followed(x.paths, x.appliance, StartAt(x.start_at), x.ignore_older, own)
        for x in inputs
    ]
