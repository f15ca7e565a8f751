"""What each output gets of a document is up to its type and its settings."""

from pathlib import Path

import pytest

from forwarder.ecs.filters import REPETITIONS
from tests.configs import LEAST, read

REST = ("source_user", "user_id")


@pytest.mark.parametrize(
    ("output", "left_out"),
    [
        ("{type: quiet}", ()),
        ("{type: lean}", tuple(REPETITIONS)),
        ("{type: lean, documents: {profile: full}}", ()),
        ("{type: quiet, documents: {profile: lean}}", tuple(REPETITIONS)),
        ("{type: lean, documents: {client: true, server: true, message: true}}", REST),
        ("{type: quiet, documents: {source_user: false, user_id: false}}", REST),
        (
            "{type: quiet, documents: {profile: lean, client: true, server: true, message: true}}",
            REST,
        ),
    ],
)
def test_an_output_leaves_out_what_its_profile_and_its_settings_say(
    tmp_path: Path, output: str, left_out: tuple[str, ...]
) -> None:
    """Each group by itself; without any setting, as the type of the output has it."""
    text = LEAST.replace("{type: server, hosts: [a]}", output)
    assert read(tmp_path, text).outputs["siem"].delivery.documents.left_out == left_out
