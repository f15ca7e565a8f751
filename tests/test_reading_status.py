"""What the log says of the inputs."""

from pathlib import Path

from structlog.testing import capture_logs

from forwarder.inputs.following import Following
from forwarder.inputs.sightings import Followed
from forwarder.reading_status import ReadingStatus


class Flipping(Following):
    """Files of which one is good and bad in turn."""

    def take_problems(self) -> list[str]:  # type: ignore[explicit-override]  # of Python 3.12
        """Find the same thing wrong again, and another one."""
        return ["a is a FIFO", "b is a FIFO"]


def test_a_problem_is_not_said_again_and_again(tmp_path: Path) -> None:
    """Each is counted, and said once an hour."""
    following = Flipping([Followed((f"{tmp_path}/mail*",))], [], once=True, watch=False)
    status = ReadingStatus(following, [], {})
    with capture_logs() as logs:
        for _ in range(3):
            status.say_problems()
    following.close()
    assert status.problems == 6
    assert [x["reason"] for x in logs] == ["a is a FIFO", "b is a FIFO"]
