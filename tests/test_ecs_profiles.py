"""What a lean document leaves out is in it elsewhere, and the rest is as it was."""

from typing import Any

import orjson
import pytest

from forwarder.ecs.profiles import REPETITIONS, leave_out
from forwarder.events import Document
from tests import golden
from tests.ecs_fields import lean_fields, violations

EXPECTED = [x for name in golden.NAMES for x in golden.expected(name)]
FULL = golden.expected("header")[0] | {
    "user": dict.fromkeys(("name", "email", "id"), "u@example.com")
}
FULL["source"]["user"] = FULL["client"]["user"] = {"name": "u@example.com"}


def without(whole: dict[str, Any], *groups: str) -> dict[str, Any]:
    """Take groups of fields out of a document."""
    document = Document(whole["event"]["id"], orjson.dumps(whole))
    found = leave_out(document, groups)
    assert found.id == document.id
    lean: dict[str, Any] = orjson.loads(found.body)
    return lean


def flat(layout: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give a document by dotted names."""
    pairs: dict[str, Any] = {}
    for key, value in layout.items():
        inner = isinstance(value, dict)
        pairs |= flat(value, f"{prefix}{key}.") if inner else {prefix + key: value}
    return pairs


@pytest.mark.parametrize("whole", [*EXPECTED, FULL], ids=lambda x: x["event"]["id"])
def test_a_lean_document_says_all_that_a_full_one_does(whole: dict[str, Any]) -> None:
    """Each value that it lacks is in it under another name; and it is valid."""
    lean, full = flat(without(whole, *REPETITIONS)), flat(whole)
    assert violations(without(whole, *REPETITIONS)) == []
    assert lean.items() <= full.items()
    for name in full.keys() - lean.keys():
        other = name.replace("client.", "source.").replace("server.", "destination.")
        others = {"source.user.name": "user.name", "user.id": "user.email"}
        if name == "message":
            assert lean["event.original"].endswith(full[name])
        else:
            assert lean[others.get(other, other)] == full[name]
    assert lean.keys() == full.keys() & lean_fields()


@pytest.mark.parametrize("group", REPETITIONS)
def test_each_group_is_left_out_by_itself(group: str) -> None:
    """And nothing else."""
    path = ".".join(REPETITIONS[group])
    gone = flat(FULL).keys() - flat(without(FULL, group)).keys()
    assert gone == {x for x in flat(FULL) if x == path or x.startswith(f"{path}.")} != set()


def test_a_source_of_which_nothing_is_known_is_left_out() -> None:
    """As for a login that is not joined; an object without a field is never there."""
    whole = {"event": {"id": "0"}, "source": {"user": {"name": "u"}}, "user": {"name": "u"}}
    assert without(whole, "source_user", "client") == {
        "event": {"id": "0"},
        "user": {"name": "u"},
    }


def test_nothing_of_the_labels_is_left_out() -> None:
    """The operator may call them as they like."""
    labels = {"client": "a", "message": "b", "server": "c"}
    assert without(FULL | {"labels": labels}, *REPETITIONS)["labels"] == labels
