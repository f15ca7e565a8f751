"""What is right by itself and wrong together."""

from pathlib import Path

import pytest

from forwarder.config.load import BadConfig, load
from forwarder.plugins import find_outputs
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


@pytest.mark.parametrize(
    "logs", ["/srv/state/*", "/srv/state/spool.db", "/srv/state/{appliance}/**", "/srv/./state/x/*"]
)
def test_what_is_read_is_not_the_programs_own(tmp_path: Path, logs: str) -> None:
    """Nothing in the state folder is a log."""
    expected = [f"esa.yaml:4: inputs[0].paths[0]: {STATE}"]
    assert mistakes(tmp_path, config("path: /x", logs=logs)) == expected


@pytest.mark.parametrize(
    "logs", ["/srv/**/*", "/srv/{appliance}/*", "/srv/state*", "/srv/sta[t]e/*", "/srv/state"]
)
def test_a_pattern_may_begin_above_the_state_folder(tmp_path: Path, logs: str) -> None:
    """The folder is left out when files are looked for."""
    read(tmp_path, config("path: /x", "path: /y", logs))


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


def test_two_names_of_one_file_are_one_place(tmp_path: Path) -> None:
    """Outputs with a name each would write into one another's documents."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.touch()
    other.hardlink_to(one)
    expected = "is the same file as outputs.a.path on line 6, by a hard link; name one for each."
    text = config(f"path: {one}", f"path: {other}")
    assert mistakes(tmp_path, text) == [f"esa.yaml:7: outputs.b.path: {expected}"]
    read(tmp_path, config(f"path: {one}", f"path: /x, ca_certs: {other}"))
    other.unlink()
    read(tmp_path, text)


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


def rolling(path: str, other: str = "/srv/b", logs: str = "/srv/esa/{appliance}/mail*") -> str:
    """Write a configuration whose first output makes further files beside its own."""
    return config(f"path: {path}", f"path: {other}", logs).replace(
        "a: {type: folder", "a: {type: rolling"
    )


@pytest.mark.parametrize("other", ["/srv/x.nd.00", "/srv/./x.nd.99.gz", "/srv/.x.nd.m"])
def test_what_an_output_writes_beside_its_path_is_no_path_of_another(
    tmp_path: Path, other: str
) -> None:
    """It would be deleted as one of the full files that are too many."""
    expected = "is a name that outputs.a.path on line 6 gives to files of its own; name another"
    text = rolling("/srv/x.nd", other)
    assert mistakes(tmp_path, text) == [f"esa.yaml:7: outputs.b.path: {expected}."]
    text = rolling("/srv/x.nd", f"/x, ca_certs: {other}")
    assert mistakes(tmp_path, text) == [f"esa.yaml:7: outputs.b.ca_certs: {expected}."]


def test_what_lies_beside_is_found_through_links(tmp_path: Path) -> None:
    """Of the folder, of the file that grows, and of the other one."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "x").symlink_to(tmp_path / "real" / "y")
    (tmp_path / "real" / "y.02").symlink_to(tmp_path / "elsewhere")
    for path, other in (("real/y", "link/y.01"), ("x", "real/y.01"), ("real/y", "link/y.02")):
        assert len(mistakes(tmp_path, rolling(f"{tmp_path}/{path}", f"{tmp_path}/{other}"))) == 1


@pytest.mark.parametrize(
    "logs", ["/srv/*.[!x][0-9]", "/srv/x.nd.07", "/**/x.nd.*z", "/srv/{appliance}.gz", "/*/x*1?"]
)
def test_what_an_output_writes_beside_its_path_is_no_log(tmp_path: Path, logs: str) -> None:
    """Also where no such file is there yet."""
    (mistake,) = mistakes(tmp_path, rolling("/srv/x.nd", logs=logs))
    form = "x.nd.*.gz" if "z" in logs else "x.nd.*"
    assert mistake == (
        f"esa.yaml:6: outputs.a.path: has files like '{form}' beside it, which inputs[0].paths[0]"
        " on line 4 reads; name a place that no input reads."
    )


@pytest.mark.parametrize(
    ("path", "other", "logs"),
    [
        ("/srv/x.nd", "/srv/x.nd.0", "/srv/x.nd.[!0-9]*"),
        ("/srv/x.nd", "/srv/x.nd.000", "/srv/*.m"),
        ("/srv/x.nd", "/srv/x.nd.0x", "/srv/x.nd.???"),
        ("/srv/x.nd", "/other/x.nd.00", "/srv/*/*"),
        ("/srv/x[12]*.nd", "/srv/x1.nd.00", "/srv/x1.nd"),
        ("/srv/x[12]*.nd", "/srv/b", "/srv/x1.nd.*"),
        ("/srv/{appliance}", "/srv/e.00", "/srv/e"),
        ("/srv/{appliance}", "/srv/b", "/srv/e.*"),
    ],
)
def test_what_only_looks_alike_is_no_contradiction(
    tmp_path: Path, path: str, other: str, logs: str
) -> None:
    """Names are compared to their ends, and stand for themselves."""
    read(tmp_path, rolling(f"'{path}'", other, logs))


FILES = """\
inputs: [{{type: files, paths: ["{logs}"]}}]
outputs:
  a: {{type: file, path: /srv/k/x.nd}}
  b: {{type: file, path: "{other}"}}
"""


@pytest.mark.parametrize(
    ("logs", "other"),
    [
        ("/logs/*", "/srv/k/x.nd.20200101T000000Z"),
        ("/logs/*", "/srv/k/x.nd.20200101T000000Z.gz"),
        ("/logs/*", "/srv/k/.x.nd.20200101T000000Z.gz.part"),
        ("/logs/*", "/srv/k/.x.nd.mark"),
        ("/srv/k/*Z", "/srv/y"),
        ("/srv/**/*.gz", "/y"),
    ],
)
def test_full_files_are_nothing_else(tmp_path: Path, logs: str, other: str) -> None:
    """Of the output that is ours, and deletes the oldest."""
    path = tmp_path / "esa.yaml"
    path.write_text(FILES.format(logs=logs, other=other))
    with pytest.raises(BadConfig):
        load(path, find_outputs)
    path.write_text(FILES.format(logs="/logs/*", other="/srv/k/x.nd.20200101T000000"))
    load(path, find_outputs)
