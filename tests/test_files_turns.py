"""Whose turn it is."""

from forwarder.inputs.files.turns import Turns


def take_all(turns: Turns[str]) -> list[str]:
    """Take until all is done; each needs one turn."""
    taken = []
    while (item := turns.take()) is not None:
        taken.append(item)
        turns.remove(item)
    return taken


def test_the_oldest_file_of_an_appliance_comes_first() -> None:
    """By its name; a live one last."""
    turns: Turns[str] = Turns(4)
    for path in ("mail.log", "mail.log-20260102", "mail.log.1", "mail.log-20260101"):
        turns.add(path, "esa1", path)
    assert take_all(turns) == ["mail.log-20260101", "mail.log-20260102", "mail.log.1", "mail.log"]
    assert turns.take() is None
    assert len(turns) == 0


def test_a_file_keeps_its_turns_until_it_is_done() -> None:
    """Also if an older one comes, or it gets another name."""
    turns: Turns[str] = Turns(4)
    turns.add("b", "esa1", "mail.log.2")
    assert turns.take() == "b"
    turns.add("a", "esa1", "mail.log.3")
    turns.add("b", "esa1", "mail.log.1")
    turns.add("b", "esa1", "mail.log.1")
    assert turns.take() == "b"
    assert "b" in turns
    assert take_all(turns) == ["b", "a"]


def test_appliances_take_turns() -> None:
    """So many at a time, and the others when one of them is done."""
    turns: Turns[str] = Turns(2)
    for name in "abc":
        turns.add(name, name, "mail.log")
    assert [turns.take() for _ in range(4)] == ["a", "b", "a", "b"]
    turns.remove("a")
    assert [turns.take() for _ in range(4)] == ["c", "b", "c", "b"]
    turns.remove("unknown")


def test_a_file_that_is_held_waits_with_those_behind_it() -> None:
    """An older one that comes goes first, and other appliances go on."""
    turns: Turns[str] = Turns(4)
    for item, appliance, path in (("b", "1", "mail.log.2"), ("c", "1", "mail"), ("x", "2", "mail")):
        turns.add(item, appliance, path)
    assert turns.take() == "b"
    turns.hold("b")
    assert [turns.take() for _ in range(2)] == ["x", "x"]
    turns.remove("x")
    assert turns.take() is None
    turns.add("a", "1", "mail.log.3")
    assert turns.take() == "a"
    turns.remove("a")
    assert turns.take() is None
    turns.go_on()
    assert take_all(turns) == ["b", "c"]


def test_a_file_gives_way_to_an_older_one() -> None:
    """If there is one; one that is gone is older than what has its name now."""
    turns: Turns[str] = Turns(4)
    turns.add("b", "esa1", "mail.log")
    assert turns.take() == "b"
    assert not turns.give_way("b")
    turns.add("a", "esa1", "mail.log", gone=True)
    assert turns.take() == "b"
    assert turns.give_way("b")
    assert take_all(turns) == ["a", "b"]
