"""Whose turn it is."""

from forwarder.inputs.files.file_handle import Inode
from forwarder.inputs.files.paths import reading_order
from forwarder.inputs.files.read_queue import Place, ReadQueue

A, B, C, D = ((1, number) for number in range(4))


def place(path: str, *, gone: bool = False) -> Place:
    """Return the place of a file in the queue."""
    return reading_order(path), not gone


def take_all(queue: ReadQueue) -> list[Inode]:
    """Take until all is done; each needs one turn."""
    taken = []
    while (inode := queue.take()) is not None:
        taken.append(inode)
        queue.remove(inode)
    return taken


def test_the_oldest_file_of_an_appliance_comes_first() -> None:
    """By its name; a live one last."""
    queue = ReadQueue(4)
    paths = {D: "mail.log", B: "mail.log-20260102", C: "mail.log.1", A: "mail.log-20260101"}
    for inode, path in paths.items():
        queue.add(inode, "esa1", place(path))
    assert take_all(queue) == [A, B, C, D]
    assert queue.take() is None
    assert len(queue) == 0


def test_a_file_keeps_its_turns_until_it_is_done() -> None:
    """Also if an older one comes, or it gets another name."""
    queue = ReadQueue(4)
    queue.add(B, "esa1", place("mail.log.2"))
    assert queue.take() == B
    queue.add(A, "esa1", place("mail.log.3"))
    queue.add(B, "esa1", place("mail.log.1"))
    queue.add(B, "esa1", place("mail.log.1"))
    assert queue.take() == B
    assert len(queue) == 2
    assert take_all(queue) == [B, A]


def test_appliances_take_turns() -> None:
    """So many at a time, and the others when one of them is done."""
    queue = ReadQueue(2)
    for inode, name in ((A, "a"), (B, "b"), (C, "c")):
        queue.add(inode, name, place("mail.log"))
    assert [queue.take() for _ in range(4)] == [A, B, A, B]
    queue.remove(A)
    assert [queue.take() for _ in range(4)] == [C, B, C, B]
    queue.remove(D)


def test_a_file_that_is_held_waits_with_those_behind_it() -> None:
    """An older one that comes goes first, and other appliances go on."""
    queue = ReadQueue(4)
    for inode, name, path in ((B, "1", "mail.log.2"), (C, "1", "mail"), (D, "2", "mail")):
        queue.add(inode, name, place(path))
    assert queue.take() == B
    queue.block(B)
    assert [queue.take() for _ in range(2)] == [D, D]
    queue.remove(D)
    assert queue.take() is None
    queue.add(A, "1", place("mail.log.3"))
    assert queue.take() == A
    queue.remove(A)
    assert queue.take() is None
    queue.unblock()
    assert take_all(queue) == [B, C]


def test_a_file_that_is_gone_is_older_than_what_has_its_name_now() -> None:
    """It is still open, and read to its end."""
    queue = ReadQueue(4)
    queue.add(B, "esa1", place("mail.log"))
    queue.add(A, "esa1", place("mail.log", gone=True))
    assert take_all(queue) == [A, B]
