"""What the log says of the inputs."""

from pathlib import Path

import orjson
from structlog.testing import capture_logs

from forwarder.app.core_messages import Snapshot
from forwarder.app.input_status import MAX_STATUS_FILES, ReadingStatus
from forwarder.counts import Counts
from forwarder.inputs.files.scanner import Followed
from forwarder.inputs.files.tailer import Following
from forwarder.mail_logs.subscriptions import OtherLog


class Flipping(Following):
    """Files of which one is good and bad in turn."""

    def take_problems(self) -> list[str]:  # type: ignore[explicit-override]  # of Python 3.12
        """Find the same thing wrong again, and another one."""
        return ["a is a FIFO", "b is a FIFO"]


def test_many_files_that_are_no_logs_do_not_fill_the_log(tmp_path: Path) -> None:
    """A hundred are named, and then that there are more."""
    for number in range(MAX_STATUS_FILES + 50):
        (tmp_path / f"mail.{number}").write_bytes(b"%d\n" % number)
    following = Following([Followed((f"{tmp_path}/mail*",))], [], once=True, watch=False)
    keys: dict[str, OtherLog | None] = {}
    while len(keys) < MAX_STATUS_FILES + 50:
        keys |= dict.fromkeys((x.key for x in following.read(0.1)), OtherLog(0, None, True))  # noqa: FBT003
    status = ReadingStatus(following, [], {})
    snapshot = Snapshot({}, [], Counts(), 0, keys)
    with capture_logs() as logs:
        ((_, written),) = status.take(snapshot)
        status.finish()
    following.close()
    assert len(logs) == MAX_STATUS_FILES + 1
    assert len(orjson.loads(written)["problems"]) == MAX_STATUS_FILES
    assert status.problems == MAX_STATUS_FILES + 50


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
