"""Looking whether a configuration would work here and now."""

import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from forwarder.app.checks import check, file_system
from forwarder.errors import EndedBySignal
from forwarder.output import Finding
from tests.configs import LEAST, read
from tests.spooling import documents, opened
from tests.spooling import read as read_batch

DISK = "36 35 98:0 / {} rw,noatime master:1 - {} /dev/root rw,errors=continue\n"


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    """Let all be on one disk."""
    path = tmp_path / "mountinfo"
    path.write_text(DISK.format("/", "ext4"))
    return path


def found(folder: Path, text: str, mounts: Path) -> list[Finding]:
    """Check a configuration whose spool is in a folder ``state``."""
    text = f"state: {folder}/state\nspool: {{max_bytes: 10MB}}\n{text}"
    return list(check(read(folder, text), mounts))


def at(findings: list[Finding], start: str, folder: Path) -> list[tuple[bool, str, str]]:
    """Give what was found at one place, without the folder."""
    return [
        (
            x.good,
            x.text.replace(str(folder), "..").removeprefix(start),
            x.advice.replace(str(folder), ".."),
        )
        for x in findings
        if x.text.startswith(start)
    ]


def without_number(text: str) -> str:
    """Take out how much room there is."""
    return " ".join(x for x in text.split() if not x.replace(",", "").isdecimal())


def test_a_configuration_that_works_is_good(tmp_path: Path, mounts: Path) -> None:
    """Everything is said that was looked at, in order."""
    logs = tmp_path / "esa1"
    logs.mkdir()
    (logs / "mail.log").touch()
    (tmp_path / "state").mkdir(mode=0o700)
    text = LEAST.replace("stdin}", f"files, paths: ['{tmp_path}/{{appliance}}/mail*']}}")
    findings = found(tmp_path, text, mounts)
    shown = [x.text.replace(str(tmp_path), "..") for x in findings]
    assert shown[:2] == [
        "state '../state' can be written",
        "state '../state' is on a local file system (ext4)",
    ]
    room = "state '../state' has MB free; the spool may take 10MB"
    assert without_number(shown[2]) == room
    assert shown[3:] == [
        "inputs[0].paths[0] '../{appliance}/mail*': 1 file now, of esa1",
        "inputs[0]: where a log has no offset from UTC, times are taken for those of UTC",
        "outputs.siem: a answers",
        "outputs.siem: a has version 9",
    ]
    assert [x for x in findings if not x.good or x.advice] == []
    assert list((tmp_path / "state").iterdir()) == []


def test_a_folder_that_is_not_there_yet_is_good(tmp_path: Path, mounts: Path) -> None:
    """If it can be made; it is not made."""
    findings = at(found(tmp_path, LEAST, mounts), "state ", tmp_path)
    assert findings[0] == (True, "'../state' can be made in '..'", "")
    assert not (tmp_path / "state").exists()


def test_a_folder_that_is_none_is_said(tmp_path: Path, mounts: Path) -> None:
    """And nothing more of it."""
    (tmp_path / "state").touch()
    advice = "Name a folder that this user may write to, or give it the right to."
    findings = at(found(tmp_path, LEAST, mounts), "state ", tmp_path)
    assert findings == [(False, "'../state': Not a directory", advice)]


def test_a_folder_that_the_system_does_not_look_for_is_said(tmp_path: Path, mounts: Path) -> None:
    """Once, and the rest is looked at; so is one below a folder that this user may not enter."""
    text = f"state: {tmp_path}/{'a' * 300}\n{LEAST}"
    findings = list(check(read(tmp_path, text), mounts))
    assert [x.text.partition("aa': ")[2] for x in findings if not x.good] == ["File name too long"]
    assert findings[-1].text.startswith("outputs.")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, mounts: Path) -> None:
    """With what the system says."""
    (tmp_path / "state").mkdir(mode=0o500)
    ((good, text, _), *rest) = at(found(tmp_path, LEAST, mounts), "state ", tmp_path)
    assert (good, text, rest) == (False, "'../state': Permission denied", [])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("nfs4", "'../state' is on a file system of another machine (nfs4)"),
        ("fuse.sshfs", "'../state' is on a file system of another machine (fuse.sshfs)"),
        ("tmpfs", "'../state' is in memory (tmpfs), which a restart of the machine clears"),
    ],
)
def test_a_spool_needs_a_disk_of_this_machine(
    tmp_path: Path, mounts: Path, kind: str, expected: str
) -> None:
    """Neither NFS nor memory."""
    mounts.write_text(DISK.format("/", "ext4") + DISK.format(tmp_path, kind))
    good, text, advice = at(found(tmp_path, LEAST, mounts), "state ", tmp_path)[1]
    assert (good, text) == (False, expected)
    assert advice


def test_a_spool_needs_room(tmp_path: Path, mounts: Path) -> None:
    """As much as it may take, less what it has."""
    text = f"state: {tmp_path}\nspool: {{max_bytes: 1000TB}}\n{LEAST}"
    findings = at(list(check(read(tmp_path, text), mounts)), "state ", tmp_path)
    good, text, advice = findings[2]
    expected = "'..' has MB free; the spool may take 1000TB"
    assert (good, without_number(text)) == (False, expected)
    assert advice == "Free some space, or lower spool.max_bytes."


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([("/", "ext4")], "ext4"),
        ([("/", "ext4"), ("{}", "xfs")], "xfs"),
        ([("{}", "xfs"), ("/", "ext4")], "xfs"),
        ([("/", "ext4"), ("{}x", "xfs")], "ext4"),
        ([("/", "ext4"), ("{}", "xfs"), ("{}", "nfs")], "nfs"),
        ([("/", "ext4"), ("{}/a\\040b", "nfs")], "nfs"),
        ([], None),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(
    tmp_path: Path, lines: list[tuple[str, str]], expected: str | None
) -> None:
    """Whole names count, the later of two, and blanks are written as the kernel does."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text("".join(DISK.format(x.format(tmp_path), y) for x, y in lines))
    (tmp_path / "a b").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a b")
    assert file_system(tmp_path / "link", mounts) == expected


def test_a_folder_that_others_may_enter_is_a_warning(tmp_path: Path, mounts: Path) -> None:
    """As it is when the service runs."""
    (tmp_path / "state").mkdir(mode=0o755)
    warnings = [x for x in at(found(tmp_path, LEAST, mounts), "state ", tmp_path) if x[0] and x[2]]
    advice = "Restrict it: chmod 700 ../state"
    assert warnings == [(True, "'../state' is accessible to other users", advice)]


def test_a_secret_that_others_may_read_is_a_warning(tmp_path: Path, mounts: Path) -> None:
    """Of the group it may be one: it is the service's."""
    for name, mode in (("token", 0o644), ("fine", 0o640), ("site.key", 0o604), ("site.pem", 0o644)):
        (tmp_path / name).write_text("x" * 16)
        (tmp_path / name).chmod(mode)
    text = f"""{LEAST.replace("[a]", f"['${{file:{tmp_path}/fine}}']")}
http:
  listen: 0.0.0.0:1
  token: ${{file:{tmp_path}/token}}
  tls: {{certificate: {tmp_path}/site.pem, key: {tmp_path}/site.key}}
"""
    warned = [x for x in found(tmp_path, text, mounts) if "that all users can read" in x.text]
    assert [(x.good, x.text, x.advice) for x in warned] == [
        (
            True,
            f"'{tmp_path}/{x}' has a secret that all users can read",
            f"Restrict it: chmod o= {tmp_path}/{x}",
        )
        for x in ("token", "site.key")
    ]


def test_documents_of_an_output_that_is_gone_are_a_warning(tmp_path: Path, mounts: Path) -> None:
    """It was renamed, perhaps; what the others have had, or has nothing waiting, is no matter."""
    with closing(opened(tmp_path / "state", "siem", "old", "done")) as spool:
        spool.commit(documents(0, 3))
        spool.advance("done", read_batch(spool, "done"), [])
    (warning,) = at(found(tmp_path, LEAST, mounts), "3 documents", tmp_path)
    text = " in the spool for 'old', an output that is no longer in the configuration"
    assert warning[:2] == (True, text)
    assert "give the output its old name" in warning[2]


def test_a_spool_that_cannot_be_read_is_said(tmp_path: Path, mounts: Path) -> None:
    """It was made by a newer version, say."""
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state/spool.db").write_bytes(b"no database at all" * 99)
    texts = [x.text for x in found(tmp_path, LEAST, mounts) if not x.good]
    assert len([x for x in texts if "spool.db' is damaged" in x]) == 1


@pytest.mark.parametrize("path", ["/proc/self/environ", "/dev/{}/mail*", "/sys/kernel/mail*"])
def test_what_is_of_the_system_is_a_warning(tmp_path: Path, mounts: Path, path: str) -> None:
    """No log is there."""
    text = LEAST.replace("stdin}", f'files, paths: ["{path}"]}}')
    warnings = [x for x in at(found(tmp_path, text, mounts), "inputs", tmp_path) if x[0] and x[2]]
    assert f"is below /{path.split('/')[1]}, where there are no log files" in warnings[0][1]


def test_where_nothing_is_known_of_mounts_nothing_is_wrong(tmp_path: Path) -> None:
    """As in some containers."""
    assert file_system(tmp_path, tmp_path / "none") is None
    good, text, _ = at(found(tmp_path, LEAST, tmp_path / "none"), "state ", tmp_path)[1]
    assert (good, text) == (True, "'../state' is on a local file system (unknown)")
    assert file_system(Path("/proc")) == "proc"


def test_paths_that_find_nothing_are_said(tmp_path: Path, mounts: Path) -> None:
    """Each of them, and what is found is counted."""
    for name in ("esa1", "esa2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mail.log").touch()
    (tmp_path / "alone").touch()
    paths = ["{appliance}/mail*", "none*", "missing", "alone", "esa1", "{foo}"]
    text = LEAST.replace("stdin}", f'files, paths: ["{tmp_path}/{paths[0]}"]}}\n  - HERE')
    rest = ", ".join(f'"{tmp_path}/{x}"' for x in paths[1:])
    text = text.replace("HERE", f"{{type: files, paths: [{rest}], timezone: Europe/Rome}}")
    findings = found(tmp_path, text, mounts)
    (first, zone) = at(findings, "inputs[0]", tmp_path)
    assert first == (True, ".paths[0] '../{appliance}/mail*': 2 files now, of 2 appliances", "")
    assert zone[1].endswith("UTC")
    none, missing, alone, folder, braces, zone = at(findings, "inputs[1]", tmp_path)
    assert none[0] is False
    assert none[1].startswith(".paths[0] '../none*': '../none*' matches no log")
    text, advice = "'../missing' does not exist", "Name a file, a folder, a glob or -."
    assert missing == (False, f".paths[1] '../missing': {text}", advice)
    assert alone == (True, f".paths[2] '../alone': 1 file now, of {tmp_path.name}", "")
    text, advice = "'../esa1' is a folder and is not followed", "Name the files in it: '../esa1/*'."
    assert folder == (False, f".paths[3] '../esa1': {text}", advice)
    assert braces[0] is False
    assert "'../{foo}' does not exist" in braces[1]
    assert zone[1].endswith("for those of Europe/Rome")


def test_the_state_folder_is_no_log(tmp_path: Path, mounts: Path) -> None:
    """A pattern that has it among others does not find it."""
    for name in ("state/spool.db", "state/spool.lock", "esa1/mail.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    text = LEAST.replace("stdin}", f"files, paths: ['{tmp_path}/**/*', '{tmp_path}/*/spool*']}}")
    (tmp_path / "conf").mkdir()
    text = f"state: {tmp_path}/state\n{text}"
    findings = list(check(read(tmp_path / "conf", text), mounts))
    files, *_, none, _ = at(findings, "inputs[0]", tmp_path)
    assert files == (True, ".paths[0] '../**/*': 2 files now, of 2 appliances", "")
    expected = "matches only files of the program itself: of the state folder, and of outputs"
    advice = "Name other files."
    assert none == (False, f".paths[1] '../*/spool*' {expected}", advice)


def test_only_files_that_are_followed_are_counted(tmp_path: Path, mounts: Path) -> None:
    """A folder that a pattern matches is said, as it is when the forwarder runs."""
    (tmp_path / "mail.log").touch()
    (tmp_path / "mail.old").mkdir()
    (tmp_path / "mail.old" / "mail.log").touch()
    text = LEAST.replace("stdin}", f'files, paths: ["{tmp_path}/mail*"], appliance: esa1}}')
    folder, files, _ = at(found(tmp_path, text, mounts), "inputs[0]", tmp_path)
    assert folder[0] is False
    assert "'../mail.old' is a folder and is not followed" in folder[1]
    assert files == (True, ".paths[0] '../mail*': 1 file now, of esa1", "")


def test_a_file_counts_for_the_input_that_reads_it(tmp_path: Path, mounts: Path) -> None:
    """The first; what is left to it is said of the others."""
    for name in ("x/mail.1", "x/mail.2", "y/mail.1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    inputs = [
        f'{{type: files, paths: ["{tmp_path}/x/mail.1"], appliance: A}}',
        f'{{type: files, paths: ["{tmp_path}/*/mail.1", "{tmp_path}/x/*"], appliance: B}}',
        f'{{type: files, paths: ["{tmp_path}/*/mail*"], appliance: C}}',
    ]
    text = LEAST.replace("{type: stdin}", "\n  - ".join(inputs)).replace("[a]", "[curious]")
    findings = [x for x in found(tmp_path, text, mounts) if "offset" not in x.text]
    assert [x for x in findings if not x.good] == []
    first = "1 file left to a path that comes first"
    assert [text for _, text, _ in at(findings, "inputs", tmp_path)] == [
        "[0].paths[0] '../x/mail.1': 1 file now, of A",
        "[1].paths[0] '../*/mail.1': 1 file now, of B",
        f"[1].paths[0] '../*/mail.1': {first}",
        "[1].paths[1] '../x/*': 1 file now, of B",
        f"[1].paths[1] '../x/*': {first}",
        "[2].paths[0] '../*/mail*': 3 files left to a path that comes first",
    ]
    assert findings[-1].text == "outputs.siem: default of A, B, C"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_that_cannot_be_read_are_said(tmp_path: Path, mounts: Path) -> None:
    """How many there are, and one of them."""
    (tmp_path / "mail.1").touch(mode=0)
    (tmp_path / "mail.2").touch()
    text = LEAST.replace("stdin}", f'files, paths: ["{tmp_path}/mail*"]}}')
    expected = ".paths[0] '../mail*': 1 of 2 files cannot be read, such as '../mail.1'"
    assert at(found(tmp_path, text, mounts), "inputs[0]", tmp_path)[0] == (
        False,
        expected,
        "Give this user the right to read them.",
    )


def test_a_path_that_the_system_refuses_is_said(tmp_path: Path, mounts: Path) -> None:
    """Such as one that is too long."""
    text = LEAST.replace("stdin}", f'files, paths: ["/{"x" * 300}"]}}')
    good, said, _ = at(found(tmp_path, text, mounts), "inputs[0]", tmp_path)[0]
    assert not good
    assert said.endswith("cannot be accessed: File name too long")


def test_a_check_cannot_end_the_command(tmp_path: Path, mounts: Path) -> None:
    """As if all were well; a signal can."""
    text = LEAST.replace("hosts: [a]", "hosts: [quits]")
    good, said, _ = found(tmp_path, text, mounts)[-1]
    assert not good
    assert said.endswith("its check failed: SystemExit: 0")
    with pytest.raises(EndedBySignal):
        found(tmp_path, LEAST.replace("hosts: [a]", "hosts: [stopped]"), mounts)


def test_a_secret_is_masked_before_words_are_cut(tmp_path: Path, mounts: Path) -> None:
    """Cut amid a URL, nothing would show that it has a password in it."""
    text = LEAST.replace("hosts: [a]", "hosts: [talks]")
    _, said, _ = found(tmp_path, text, mounts)[-1]
    assert said.endswith("its check failed: KeyError: 'https://********@talks'")


def test_each_output_is_looked_at(tmp_path: Path, mounts: Path) -> None:
    """Whatever the plugins of others do."""
    text = LEAST + "".join(
        f"  {x}: {{type: server, hosts: [{x}]}}\n" for x in ("down", "bug", "old", "well")
    )
    findings = found(tmp_path, text + "  quiet: {type: quiet}\n", mounts)
    assert at(findings, "outputs.", tmp_path)[2:] == [
        (False, "down: down does not answer", ""),
        (
            False,
            "bug: its check failed: KeyError: 'https://********@bug'",
            "This is a fault of the plugin; tell those who made it.",
        ),
        (True, "old: old answers", ""),
        (False, "old: old has version 9", "Update it."),
        (True, "well: well answers", ""),
        (True, "well: well has version 9", ""),
        (True, "quiet: the settings are valid; type quiet has no check", ""),
    ]


def test_an_output_is_told_what_documents_to_expect(tmp_path: Path, mounts: Path) -> None:
    """Their namespace, and the appliances of the configuration; a folder names none for sure."""
    for name in ("named/esa1", "named/esa2", "folder"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "mail.log").touch()
    inputs = [
        f'{{type: files, paths: ["{tmp_path}/named/{{appliance}}/mail*", "/{"x" * 300}"]}}',
        f'{{type: files, paths: ["{tmp_path}/folder"]}}',
        f'{{type: files, paths: ["{tmp_path}/none*"], appliance: esa9}}',
        "{type: stdin, appliance: esa8}",
    ]
    text = LEAST.replace("{type: stdin}", "\n  - ".join(inputs)).replace("[a]", "[curious]")
    findings = found(tmp_path, text + "documents: {namespace: mail}\n", mounts)
    (finding,) = at(findings, "outputs.", tmp_path)
    assert finding[1] == "siem: mail of esa1, esa2, esa8, esa9"


def test_appliances_are_named_as_documents_have_them(tmp_path: Path, mounts: Path) -> None:
    """In the folders of files, in logs, and to outputs; so are their namespaces."""
    line = "Tue Mar  3 10:00:00 2026 Info: SMTP Auth: (ICID 1) failed for user: u"
    line += " using AUTH mechanism: PLAIN with profile: P\n"
    log = tmp_path / "mx1" / "mail.log"
    log.parent.mkdir()
    log.write_text("Tue Mar  3 10:00:00 2026 Info: Version: 15.0 SN: SN2\n" + line)
    text = LEAST.replace("stdin}", f"files, paths: ['{tmp_path}/{{appliance}}/mail*']}}")
    text += (
        "appliances:\n"
        "  esa1: {names: [mx1], serial: SN1, timezone: Europe/Rome, namespace: rome}\n"
        "  esa2: {namespace: mail}\n"
        "documents: {namespace: mail}\n"
    )
    findings = found(tmp_path, text.replace("[a]", "[curious]"), mounts)
    files, serial, sampled = at(findings, "inputs[0].paths[0] ", tmp_path)
    assert files == (True, "'../{appliance}/mail*': 1 file now, of esa1", "")
    assert serial[1].endswith("or the log is of another one (SN2 instead of SN1)")
    assert serial[2] == "Compare the log with appliances in the configuration."
    assert "1 login of esa1, from 2026-03-03T09:00:00.000Z" in sampled[1]
    assert findings[-1].text == "outputs.siem: mail, rome of esa1, esa2"
    (unseen,) = at(findings, "appliances.", tmp_path)
    assert unseen[1] == "esa2: none of the logs examined belongs to it"


def test_standard_input_is_said(tmp_path: Path, mounts: Path) -> None:
    """Nothing can be known of it before."""
    findings = at(found(tmp_path, LEAST, mounts), "inputs[0]", tmp_path)
    assert findings[0] == (True, " reads standard input", "")


def test_the_address_of_the_page_is_tried(tmp_path: Path, mounts: Path) -> None:
    """Not where the service has it; what all may read is said."""
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        ((good, text, advice),) = at(
            found(tmp_path, f"{LEAST}http: {{listen: {port}}}\n", mounts), "http: ", tmp_path
        )
        assert not good
        assert text.startswith(f"cannot listen on 127.0.0.1:{port}: Address already in use")
        assert advice.startswith("Something else is there")
        with closing(opened(tmp_path / "state", "a")):
            text = f"{LEAST}http: {{listen: '0.0.0.0:{port}'}}\n"
            assert at(found(tmp_path, text, mounts), "http: ", tmp_path) == [
                (True, f"0.0.0.0:{port} is left to the service, which is running", ""),
                (True, f"anyone who reaches 0.0.0.0:{port} may read", "Set token."),
            ]
    text = f"{LEAST}http: {{listen: {port}}}\n"
    assert at(found(tmp_path, text, mounts), "http: ", tmp_path) == [
        (True, f"can listen at 127.0.0.1:{port}", "")
    ]


LISTEN = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
input()
"""


def test_an_address_that_another_program_has_is_not_left_to_the_service(
    tmp_path: Path, mounts: Path
) -> None:
    """Which runs, with another configuration: a reload would fail."""
    command = [sys.executable, "-c", LISTEN]
    with (
        subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other,
        closing(opened(tmp_path / "state", "a")),
    ):
        assert other.stdout is not None
        port = int(other.stdout.readline())
        text = LEAST.replace("{type: stdin}", f"{{type: syslog, listen: 'tcp://127.0.0.1:{port}'}}")
        assert text != LEAST
        findings = found(tmp_path, f"{text}http: {{listen: {port}}}\n", mounts)
        other.communicate(b"\n")
    assert [x.text.partition(": cannot listen")[0] for x in findings if not x.good] == [
        "inputs[0]",
        "http",
    ]
