"""Looking whether a configuration would work here and now.

Nothing is changed, and a forwarder that runs with the same configuration is not disturbed.
"""

import os
import re
import shlex
import shutil
import stat
import tempfile
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from forwarder.app.sampling import look_into
from forwarder.config.load import Config, OutputConfig, file_sources, mask_of
from forwarder.config.models import FilesSettings, InputSettings
from forwarder.config.types import format_size
from forwarder.errors import EndedBySignal, ForwarderError
from forwarder.inputs.files.discovery import list_files, say_passed_over
from forwarder.inputs.files.file_handle import Inode
from forwarder.inputs.files.paths import Links, fixed_folder
from forwarder.inputs.files.scanner import FOLLOW, FileSource, FileStat, scan
from forwarder.inputs.stdin import CLOSED, is_closed
from forwarder.masking import Mask, mask_url
from forwarder.output import Expected, Finding
from forwarder.plugins import plugin_items
from forwarder.spool.database import NAME
from forwarder.spool.errors import SpoolError
from forwarder.spool.stats import summarise
from forwarder.text import error_text, many, shortened

MOUNTS = Path("/proc/self/mountinfo")

_REMOTE = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "glusterfs", "gpfs", "lustre", "ncpfs"),
        *("nfs", "nfs4", "ocfs2", "smb2", "smb3", "smbfs"),
        *("fuse.ceph-fuse", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    }
)
"""File systems of other machines. SQLite's WAL needs memory that all processes share, and locks
that hold; neither is sure there (sqlite.org/wal.html, sqlite.org/faq.html#q5)."""
_VOLATILE = frozenset({"tmpfs", "ramfs"})
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OF_SYSTEM = ("/dev", "/proc", "/sys")
"""What lies here is no file on a disk."""


def check(config: Config, now: datetime, mounts: Path = MOUNTS) -> Iterator[Finding]:
    """Look at everything, one after the other.

    Args:
        config: Without mistakes.
        now: An instant of this moment, for the clocks of time zones.
        mounts: What is mounted where, as Linux says it.

    Yields:
        What was found, as soon as it was.
    """
    state = Path(os.path.abspath(config.state))  # noqa: PTH100 - .. stays
    yield from _check_state(state, config.spool.max_bytes, mounts)
    yield from _check_spool(state, config.outputs)
    followed = file_sources(config)
    seen = scan(followed, {}).files
    for number in range(len(config.inputs)):
        yield from _check_input(config.inputs, number, followed[number], seen, now)
    expected = Expected(config.documents.namespace, _find_appliances(config.inputs, seen))
    for output in config.outputs.values():
        yield from _check_output(output, expected, mask_of(config, output.name))


def _check_state(folder: Path, max_bytes: int, mounts: Path) -> Iterator[Finding]:
    """Look whether the spool can be in a folder."""
    at = f"state {str(folder)!r}"
    there = next(x for x in (folder, *folder.parents) if os.path.lexists(x))
    try:
        yield _write(there, folder)
        room = shutil.disk_usage(there).free
        used = sum(map(_size, folder.iterdir())) if there == folder else 0
    except OSError as error:
        advice = "Name a folder that this user may write to, or give it the right to."
        yield Finding(good=False, text=f"{at}: {error.strerror}", advice=advice)
        return
    if there == folder and folder.stat().st_mode & _OTHERS:
        yield Finding(
            good=True,
            text=f"{at} can be entered by others",
            advice=f"Take the right from them: chmod 700 {shlex.quote(str(folder))}",
        )
    kind = file_system(there, mounts)
    if kind in _REMOTE:
        yield Finding(
            good=False,
            text=f"{at} is on a file system of another machine ({kind})",
            advice="The spool needs locks that hold; name a folder on a disk of this machine.",
        )
    elif kind in _VOLATILE:
        yield Finding(
            good=False,
            text=f"{at} is in memory ({kind}), which a restart of the machine clears",
            advice="Name a folder on a disk.",
        )
    else:
        yield Finding(good=True, text=f"{at} is on a local file system ({kind or 'unknown'})")
    yield Finding(
        good=room + used >= max_bytes,
        text=f"{at} has {room // 10**6:,} MB free; the spool may take {format_size(max_bytes)}",
        advice="" if room + used >= max_bytes else "Make room, or lower spool.max_bytes.",
    )


def _check_spool(folder: Path, outputs: Container[str]) -> Iterator[Finding]:
    """Look for what would be lost with this configuration."""
    if not (folder / NAME).exists():
        return
    try:
        waiting = summarise(folder).outputs
    except SpoolError as error:
        yield Finding(good=False, text=str(error))
        return
    for name, of_output in waiting.items():
        if name not in outputs and of_output.documents:
            yield Finding(
                good=True,
                text=f"{many(of_output.documents, 'document')} in the spool for {name!r}, an output"
                " that is no longer in the configuration",
                advice="The service forgets it, and they are not delivered to it; to have them"
                " delivered, give the output its old name.",
            )


def _size(path: Path) -> int:
    """Give the size of a file that a running forwarder may remove at any time."""
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _write(there: Path, folder: Path) -> Finding:
    """Write a file that has no name, so that nothing is left behind.

    Raises:
        OSError: It cannot be written.
    """
    with tempfile.TemporaryFile(dir=there) as file:
        file.write(b"\n")
    found = "can be written" if there == folder else f"can be made in {str(there)!r}"
    return Finding(good=True, text=f"state {str(folder)!r} {found}")


def file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """Find the kind of file system that a path is on.

    Args:
        path: Of something that exists.
        mounts: What is mounted where, in the form of ``/proc/self/mountinfo`` (proc(5)).

    Returns:
        Its name, as ``ext4``; None where that cannot be known.
    """
    try:
        lines = os.fsdecode(mounts.read_bytes()).splitlines()
    except OSError:
        return None
    real = path.resolve()
    found: tuple[int, str] | None = None
    for line in lines:
        before, _, behind = line.partition(" - ")
        folder = Path(re.sub(r"\\([0-7]{3})", lambda x: chr(int(x[1], 8)), before.split()[4]))
        # Of two that are mounted on one folder, the later one is seen.
        if real.is_relative_to(folder) and (found is None or len(folder.parts) >= found[0]):
            found = len(folder.parts), behind.split()[0]
    return found[1] if found else None


def _check_input(
    inputs: Sequence[InputSettings],
    number: int,
    followed: FileSource,
    seen: Mapping[Inode, FileStat],
    now: datetime,
) -> Iterator[Finding]:
    at, settings = f"inputs[{number}]", inputs[number]
    if isinstance(settings, FilesSettings):
        for path in followed.paths:
            yield from _check_path(inputs, number, followed._replace(paths=(path,)), seen)
    elif is_closed():
        problem, _, advice = CLOSED.partition("; ")
        yield Finding(good=False, text=f"{at}: {problem}", advice=f"{advice.capitalize()}.")
    else:
        yield Finding(good=True, text=f"{at} reads standard input")
    if settings.timezone is None:
        clock = "UTC"
    else:
        clock = f"{settings.timezone}, where it is {now.astimezone(settings.timezone):%H:%M %Z} now"
    text = f"{at}: where a log has no offset from UTC, times are taken for those of {clock}"
    yield Finding(good=True, text=text)


def _check_path(
    inputs: Sequence[InputSettings],
    number: int,
    followed: FileSource,
    seen: Mapping[Inode, FileStat],
) -> Iterator[Finding]:
    """Look at a path as the run does, and at what other inputs read of it."""
    (path,) = followed.paths
    at = f"{_spell(inputs, number, path)} {path!r}"
    real = Path(os.path.realpath(fixed_folder(os.path.abspath(path))[0]))  # noqa: PTH100 - as the inputs do
    yield from _check_place(at, real)
    files, problems, links, _ = scan([followed], {})
    if links:
        yield Finding(good=True, text=f"{at}: {say_passed_over(links, FOLLOW)}")
    if not files and not problems and not links:
        problems = _explain_nothing(path)
        if not problems:
            text = "matches only files of the program itself: of the state folder, and of outputs"
            yield Finding(good=False, text=f"{at} {text}", advice="Name other files.")
    for problem in problems:
        yield Finding(good=False, text=f"{at}: {problem}")
    by_reader: dict[tuple[int, str], list[FileStat]] = defaultdict(list)
    for reader in (seen[x] for x in files if x in seen):
        by_reader[reader.input, reader.pattern].append(reader)
    own = by_reader.pop((number, path), [])
    closed = sorted(x.path for x in own if not os.access(x.path, os.R_OK))
    if closed:
        yield Finding(
            good=False,
            text=f"{at}: {len(closed)} of {many(len(own), 'file')} cannot be read, such as"
            f" {closed[0]!r}",
            advice="Give this user the right to read them.",
        )
    elif own:
        yield Finding(good=True, text=f"{at}: {many(len(own), 'file')} now, of {_whose(own)}")
    for finding in look_into(own, inputs[number].timezone):
        yield finding._replace(text=f"{at}: {finding.text}")
    for (other, pattern), theirs in sorted(by_reader.items()):
        reader_at = _spell(inputs, other, pattern)
        left = f"{many(len(theirs), 'file')} left to {reader_at}, which comes first"
        yield Finding(good=True, text=f"{at}: {left}: of {_whose(theirs)}")


def _check_place(at: str, real: Path) -> Iterator[Finding]:
    """Warn of folders that are not on a disk."""
    system = next((x for x in _OF_SYSTEM if real.is_relative_to(x)), None)
    if system is not None:
        yield Finding(
            good=True,
            text=f"{at} is below {system}, where the system shows itself and no log is",
            advice="Name files on a disk; for standard input, use type: stdin.",
        )


def _spell(inputs: Sequence[InputSettings], number: int, path: str) -> str:
    settings = inputs[number]
    paths = settings.paths if isinstance(settings, FilesSettings) else ()
    return f"inputs[{number}].paths[{paths.index(path)}]"


def _explain_nothing(path: str) -> list[str]:
    """Say why there is nothing at a path."""
    problems: list[str] = []
    try:
        list_files(path, None, problems, Links())
    except OSError as error:
        problems.append(f"{path!r} cannot be looked at: {error.strerror}.")
    return problems


def _whose(files: Sequence[FileStat]) -> str:
    names = sorted({x.appliance for x in files})
    return names[0] if len(names) == 1 else f"{len(names)} appliances"


def _find_appliances(
    inputs: Sequence[InputSettings], seen: Mapping[Inode, FileStat]
) -> tuple[str, ...]:
    """Name the appliances that inputs have now.

    A name that nobody gave does not count: that of a folder gives way to the one in the lines.
    """
    found = {x.appliance for x in inputs if x.appliance is not None}
    return tuple(sorted(found.union(x.appliance for x in seen.values() if x.named)))


def _check_output(output: OutputConfig, expected: Expected, mask: Mask) -> Iterator[Finding]:
    """Let the plugin look; whatever it does, the others are looked at, too."""
    at = f"outputs.{output.name}"
    look_at = output.plugin.check
    if look_at is None:
        kind = output.plugin.name
        yield Finding(good=True, text=f"{at}: the settings are right; type {kind} has no check")
        return
    try:
        for finding in plugin_items(lambda: look_at(output.settings, expected)):
            text, advice = mask(finding.text), mask(finding.advice)
            yield Finding(finding.good, f"{at}: {text}", advice)
    except ForwarderError as error:
        said = shortened(mask(error_text(error, whole=True)))
        yield Finding(good=False, text=f"{at}: {said}")
    except EndedBySignal:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may do anything
        said = error_text(error, typed=True, whole=True)
        text = f"{at}: its check failed: {shortened(mask_url(mask(said)))}"
        advice = "This is a fault of the plugin; tell those who made it."
        yield Finding(good=False, text=text, advice=advice)
