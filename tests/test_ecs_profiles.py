"""What a lean document leaves out is in it elsewhere, and the rest is as it was."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.ecs.filters import REPETITIONS, leave_out
from forwarder.events import Document
from forwarder.pipeline import LogParser
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


@given(
    user=st.text(max_size=20)
    | st.sampled_from(['],"user":{', ',"related":{', '},"message":"', "\\"]),
    groups=st.sets(st.sampled_from([*REPETITIONS])),
    is_joined=st.booleans(),
)
def test_no_text_of_a_client_changes_what_is_left_out(
    user: str, groups: set[str], *, is_joined: bool
) -> None:
    """Only a part of a document is parsed; the result is that of parsing all of it."""
    log = LogParser().open("esa1", "/srv/esa1/mail.log")
    new = b"Info: New SMTP ICID 7 interface Mail (192.0.2.1) address 192.0.2.9 reverse dns host u"
    line = f"Info: SMTP Auth: (ICID 7) failed for user: {user} using AUTH mechanism: PLAIN"
    line += " with profile: x"
    lines = [new + b"nknown verified no"] * is_joined + [line.encode().replace(b"\n", b"")]
    stamped = [b"Sun Mar  1 12:00:00 2026 " + x + b"\n" for x in lines]
    (body,) = [*log.feed(b"".join(stamped)), *log.finish()]
    whole = orjson.loads(body)
    lean = leave_out(Document(whole["event"]["id"], body.rstrip(b"\n")), groups)
    for group in groups:
        outer, *inner = REPETITIONS[group]
        if inner and outer in whole:
            whole[outer].pop(*inner, None)
        if not inner or not whole.get(outer):
            whole.pop(outer, None)
    assert lean.body == orjson.dumps(whole)


def test_what_has_nothing_to_leave_out_stays_as_it_is() -> None:
    """Such as a document that was changed by hand."""
    for body in (b"{}", b'{"tags":["x"],"related":{"hosts":["a"]}}', b'{"client":{"ip":"::1"}}'):
        assert leave_out(Document("0", body), [*REPETITIONS]).body == body


def test_nothing_of_the_labels_is_left_out() -> None:
    """The operator may call them as they like."""
    labels = {"client": "a", "message": "b", "server": "c"}
    assert without(FULL | {"labels": labels}, *REPETITIONS)["labels"] == labels
