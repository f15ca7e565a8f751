"""Whose turn it is."""

from forwarder.inputs.files.registry import ReadQueue


def take_all(queue: ReadQueue[str]) -> list[str]:
    """Take until all is done; each needs one turn."""
    taken = []
    while (item := queue.take()) is not None:
        taken.append(item)
        queue.remove(item)
    return taken


def test_the_oldest_file_of_an_appliance_comes_first() -> None:
    """By its name; a live one last."""
    queue: ReadQueue[str] = ReadQueue(4)
    for path in ("mail.log", "mail.log-20260102", "mail.log.1", "mail.log-20260101"):
        queue.add(path, "esa1", path)
    assert take_all(queue) == ["mail.log-20260101", "mail.log-20260102", "mail.log.1", "mail.log"]
    assert queue.take() is None
    assert len(queue) == 0


def test_a_file_keeps_its_turns_until_it_is_done() -> None:
    """Also if an older one comes, or it gets another name."""
    queue: ReadQueue[str] = ReadQueue(4)
    queue.add("b", "esa1", "mail.log.2")
    assert queue.take() == "b"
    queue.add("a", "esa1", "mail.log.3")
    queue.add("b", "esa1", "mail.log.1")
    queue.add("b", "esa1", "mail.log.1")
    assert queue.take() == "b"
    assert "b" in queue._entries  # noqa: SLF001
    assert take_all(queue) == ["b", "a"]


def test_appliances_take_turns() -> None:
    """So many at a time, and the others when one of them is done."""
    queue: ReadQueue[str] = ReadQueue(2)
    for name in "abc":
        queue.add(name, name, "mail.log")
    assert [queue.take() for _ in range(4)] == ["a", "b", "a", "b"]
    queue.remove("a")
    assert [queue.take() for _ in range(4)] == ["c", "b", "c", "b"]
    queue.remove("unknown")


def test_a_file_that_is_held_waits_with_those_behind_it() -> None:
    """An older one that comes goes first, and other appliances go on."""
    queue: ReadQueue[str] = ReadQueue(4)
    for item, appliance, path in (("b", "1", "mail.log.2"), ("c", "1", "mail"), ("x", "2", "mail")):
        queue.add(item, appliance, path)
    assert queue.take() == "b"
    queue.block("b")
    assert [queue.take() for _ in range(2)] == ["x", "x"]
    queue.remove("x")
    assert queue.take() is None
    queue.add("a", "1", "mail.log.3")
    assert queue.take() == "a"
    queue.remove("a")
    assert queue.take() is None
    queue.unblock()
    assert take_all(queue) == ["b", "c"]


def test_a_file_gives_way_to_an_older_one() -> None:
    """If there is one; one that is gone is older than what has its name now."""
    queue: ReadQueue[str] = ReadQueue(4)
    queue.add("b", "esa1", "mail.log")
    assert queue.take() == "b"
    assert not queue.yield_to_older("b")
    queue.add("a", "esa1", "mail.log", gone=True)
    assert queue.take() == "b"
    assert queue.yield_to_older("b")
    assert take_all(queue) == ["a", "b"]
