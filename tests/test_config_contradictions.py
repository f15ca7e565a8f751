"""Settings that are valid by themselves and wrong together, and what outputs write."""

from pathlib import Path

import pytest

from forwarder.config.load import file_sources
from forwarder.inputs.files.discovery import scan
from tests.configs import mistakes, read

TEXT = """\
state: {state}
inputs:
  - type: files
    paths: ["{logs}"]
outputs:
  a: {{type: folder, {a}}}
  b: {{type: folder, {b}}}
"""
STATE = "is in the state folder; name a place outside of it."


def config(
    a: str,
    b: str = "path: /srv/b",
    logs: str = "/srv/esa/{appliance}/mail*",
    state: str = "/srv/state",
) -> str:
    """Write a configuration with two outputs."""
    return TEXT.format(state=state, logs=logs, a=a, b=b)


@pytest.mark.parametrize(
    ("a", "where"),
    [
        ("path: /srv/state/spool.db", "path"),
        ("path: /srv/state", "path"),
        ("path: /srv/x/../state/deep/er", "path"),
        ("path: /x, copies: [/y, /srv/state/z]", "copies[1]"),
        ("path: /x, by_name: {c: {spare: /srv/state/z}}", "by_name.c.spare"),
    ],
)
def test_an_output_writes_nothing_into_the_state_folder(tmp_path: Path, a: str, where: str) -> None:
    """It would overwrite the spool."""
    assert mistakes(tmp_path, config(a)) == [f"esa.yaml:6: outputs.a.{where}: {STATE}"]


def test_two_outputs_do_not_write_to_one_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the path is written; files that they only read may be the same."""
    monkeypatch.chdir(tmp_path)
    certificate = "ca_certs: /srv/ca.pem"
    text = config(f"path: ./o, {certificate}", f"path: {tmp_path}/o, {certificate}")
    expected = "is the same as outputs.a.path on line 6; use a different one for each."
    assert mistakes(tmp_path, text) == [f"esa.yaml:7: outputs.b.path: {expected}"]
    text = config("path: /x, copies: [/srv//b/../b]")
    expected = expected.replace(".path", ".copies[0]")
    assert mistakes(tmp_path, text) == [f"esa.yaml:7: outputs.b.path: {expected}"]


def test_links_are_followed(tmp_path: Path) -> None:
    """Of folders and of files, on either side."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "store").symlink_to(tmp_path / "state")
    text = config(f"path: {tmp_path}/link/x", f"path: {tmp_path}/real/x")
    assert len(mistakes(tmp_path, text)) == 1
    for state, path in (("store", "state/x"), ("state", "store/x")):
        text = config(f"path: {tmp_path}/{path}", state=str(tmp_path / state))
        assert len(mistakes(tmp_path, text)) == 1


def test_neighbours_are_no_contradiction(tmp_path: Path) -> None:
    """Nor is a folder that contains the state folder."""
    read(tmp_path, config("path: /srv, copies: [/srv/state.old/x]", "path: /srv/esa/esa1/o"))


def test_an_invalid_path_is_refused(tmp_path: Path) -> None:
    """In the same words for all paths; one that is only read is the plugin's to refuse."""
    found = mistakes(tmp_path, config("path: ~/x", 'path: ""'))
    assert [x.partition(": ")[2].partition(";")[0] for x in found] == [
        "outputs.a.path: '~/x' begins with ~, which only a shell expands",
        "outputs.b.path: '' is not a valid path.",
    ]
    read(tmp_path, config('path: /x, ca_certs: "a\\0b"'))


def test_what_outputs_write_is_never_read(tmp_path: Path) -> None:
    """Whatever the inputs match: the file, rotated ones, folders, also through links."""
    names = (
        *("mail.log", "mail.log.old", "out.nd", "out.nd.20260301T120000Z.gz", "out.nds"),
        *("folder/deep/mail.log", "hidden.link", "state/spool.db"),
    )
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "hard").hardlink_to(tmp_path / "out.nd")
    (tmp_path / "linked").symlink_to(tmp_path / "hidden.link")
    outputs = (
        f"path: {tmp_path}/out.nd, copies: [{tmp_path}/folder]",
        f"path: {tmp_path}/linked",
    )
    text = config(*outputs, logs=f"{tmp_path}/**/*", state=f"{tmp_path}/state")
    (tmp_path / "conf").mkdir()
    sources = file_sources(read(tmp_path / "conf", text))
    seen = scan(sources)
    found = sorted(x.path.removeprefix(f"{tmp_path}/") for x in seen.files.values())
    assert found == ["mail.log", "mail.log.old", "out.nds"]
    assert [x for x in seen.problems if "hard" not in x] == []
