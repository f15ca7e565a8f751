"""What is right by itself and wrong together."""

from pathlib import Path

import pytest

from tests.configs import mistakes, read

TEXT = """\
state: {state}
inputs:
  - type: files
    paths: ["{logs}", "/srv/more/mail.log"]
outputs:
  a: {{type: folder, {a}}}
  b: {{type: folder, {b}}}
"""
STATE = "is in the state folder, which is the program's own; name a place outside of it."


def config(
    a: str,
    b: str = "path: /srv/b",
    logs: str = "/srv/esa/{appliance}/mail*",
    state: str = "/srv/state",
) -> str:
    """Write a configuration with two outputs."""
    return TEXT.format(state=state, logs=logs, a=a, b=b)


def read_by(number: int) -> str:
    """Say what is wrong with a path that an input reads."""
    return f"is what inputs[0].paths[{number}] on line 4 reads; name a place that no input reads."


@pytest.mark.parametrize(
    ("a", "where", "expected"),
    [
        ("path: /srv/state/spool.db", "path", STATE),
        ("path: /srv/state", "path", STATE),
        ("path: /srv/x/../state/deep/er", "path", STATE),
        ("path: /x, ca_certs: /srv/state/ca.pem", "ca_certs", STATE),
        ("path: /x, copies: [/y, /srv/state/z]", "copies[1]", STATE),
        ("path: /x, by_name: {c: {spare: /srv/state/z}}", "by_name.c.spare", STATE),
        ("path: /srv/esa/esa1/mail.log", "path", read_by(0)),
        ("path: /srv/esa/esa1/mail.ndjson", "path", read_by(0)),
        ("path: /srv/more/./mail.log", "path", read_by(1)),
        ("path: /x, ca_certs: /srv/esa/esa1/mail.pem", "ca_certs", read_by(0)),
    ],
)
def test_a_path_of_an_output_is_nothing_else(
    tmp_path: Path, a: str, where: str, expected: str
) -> None:
    """Not the program's own, and not a log."""
    assert mistakes(tmp_path, config(a)) == [f"esa.yaml:6: outputs.a.{where}: {expected}"]


def test_what_two_outputs_write_is_compared_and_not_what_they_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the path is written."""
    monkeypatch.chdir(tmp_path)
    certificate = "ca_certs: /srv/ca.pem"
    text = config(f"path: ./o, {certificate}", f"path: {tmp_path}/o, {certificate}")
    expected = "is the same as outputs.a.path on line 6; name one for each."
    assert mistakes(tmp_path, text) == [f"esa.yaml:7: outputs.b.path: {expected}"]
    text = config("path: /x, copies: [/srv//b/../b]")
    expected = expected.replace(".path", ".copies[0]")
    assert mistakes(tmp_path, text) == [f"esa.yaml:7: outputs.b.path: {expected}"]


def test_links_are_followed(tmp_path: Path) -> None:
    """Of folders and of files, on either side."""
    (tmp_path / "real" / "esa1").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").symlink_to(tmp_path / "real" / "esa1" / "mail.log")
    (tmp_path / "store").symlink_to(tmp_path / "state")
    logs = f"{tmp_path}/link/{{appliance}}/mail*"
    for name in ("real/esa1/mail.log", "link/esa1/mail.log"):
        assert len(mistakes(tmp_path, config(f"path: {tmp_path}/{name}", logs=logs))) == 1
    logs = f"{tmp_path}/real/*/mail*"
    assert len(mistakes(tmp_path, config(f"path: {tmp_path}/file", logs=logs))) == 1
    logs = f"{tmp_path}/file"
    assert len(mistakes(tmp_path, config(f"path: {tmp_path}/real/esa1/mail.log", logs=logs))) == 1
    for state, path in (("store", "state/x"), ("state", "store/x")):
        text = config(f"path: {tmp_path}/{path}", state=str(tmp_path / state))
        assert len(mistakes(tmp_path, text)) == 1


def test_they_are_said_beside_other_mistakes(tmp_path: Path) -> None:
    """What is wrong elsewhere does not hide them."""
    text = config("path: /srv/esa/esa1/mail.log").replace("files", "fils") + "log: {level: x}\n"
    found = mistakes(tmp_path, text)
    assert f"esa.yaml:6: outputs.a.path: {read_by(0)}" in found
    assert len(found) == 3


def test_neighbours_are_no_contradiction(tmp_path: Path) -> None:
    """Nor what holds the state folder."""
    read(tmp_path, config("path: /srv, copies: [/srv/state.old/x]", "path: /srv/esa/esa1/o"))


def test_a_path_that_is_none_is_refused(tmp_path: Path) -> None:
    """In the words of all paths; one that is only read is the plugin's to refuse."""
    found = mistakes(tmp_path, config("path: ~/x", 'path: ""'))
    assert [x.partition(": ")[2].partition(";")[0] for x in found] == [
        "outputs.a.path: '~/x' begins with ~, which only a shell knows",
        "outputs.b.path: '' is no path.",
    ]
    read(tmp_path, config('path: /x, ca_certs: "a\\0b"'))
