"""Checks whether a configuration would work here and now: state folder, spool, inputs, outputs.

Nothing is changed, and a service that runs with the same configuration is not disturbed. The newest
logs of each appliance are parsed at their beginnings and ends, which takes moments however large
they are. What is shown of them is what documents will contain.
"""

import os
import re
import shlex
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from datetime import tzinfo
from pathlib import Path
from typing import Any

import orjson

from forwarder.app.geoip import require_databases
from forwarder.app.parse import open_file
from forwarder.appliances import Appliances
from forwarder.config.load import Config, OutputConfig, file_sources, syslog_listeners
from forwarder.config.models import FilesSettings, HttpSettings, SyslogSettings
from forwarder.config.secret_settings import check_secret_files, mask_of
from forwarder.config.types import format_size
from forwarder.errors import ConfigError, EndedBySignal, ForwarderError
from forwarder.events import GIVE_NAMES, Counters, describe_mixture, describe_warning
from forwarder.inputs.block_reader import GZIP_MAGIC, read_blocks
from forwarder.inputs.files.discovery import (
    FileSource,
    FileStat,
    describe_links,
    list_files,
    scan,
)
from forwarder.inputs.files.file_handle import Inode
from forwarder.inputs.files.paths import Search, fixed_folder
from forwarder.inputs.syslog.receiver import Receiver
from forwarder.inputs.syslog.sockets import (
    UDP_BUFFER_BYTES,
    Address,
    ListenerSettings,
    TlsSettings,
    Transport,
    listens,
    server_context,
)
from forwarder.masking import Mask, mask_url
from forwarder.output import Expected, Finding
from forwarder.pipeline import FileParser, LogParser, Settings
from forwarder.plugins import plugin_items
from forwarder.spool.database import NAME
from forwarder.spool.stats import summarise
from forwarder.spool.writer import held
from forwarder.text import error_text, many, quoted, shortened, shown

MOUNTS = Path("/proc/self/mountinfo")

_REMOTE = (
    *("9p", "afs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "nfs", "nfs4", "ocfs2", "smb3"),
    *("fuse.ceph-fuse", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
)
"""File systems of other machines. SQLite's WAL needs memory that all processes share, and locks
that hold; neither is sure there (sqlite.org/wal.html, sqlite.org/faq.html#q5)."""
_OF_SYSTEM = ("/dev", "/proc", "/sys")  # what lies here is not a file on a disk

MAX_APPLIANCES = 10  # whose logs are parsed; they stand for the hundreds that a relay may have
MAX_FILES = 6  # of an appliance, the newest: some may not be mail logs, or of another machine
_MESSAGE_BYTES = 600  # of a buffer: a message of 150 bytes and what the system adds
END_BYTES = 1 << 18  # at the beginning of a file and at its end: some thousand lines each


def check(config: Config, mounts: Path = MOUNTS) -> Iterator[Finding]:
    """Check everything; ``mounts`` is the table of mounted file systems (proc(5))."""
    state = Path(os.path.abspath(config.state))  # noqa: PTH100 - .. stays
    yield from _at(f"state {str(state)!r}", _check_state(state, config.spool.max_bytes, mounts))
    yield from _at("", _check_spool(state, config.outputs))
    yield from check_secret_files(config)
    sources = file_sources(config)
    seen = scan(sources).files
    holder = None
    with suppress(OSError):  # what is wrong with the folder was said
        holder = held(state)
    with ExitStack() as stack:  # all sockets are open together, as in the service

        def sockets(address: Address) -> ExitStack | None:
            return None if holder is not None and listens(holder.process, address) else stack

        for number, source in enumerate(sources):
            yield from _at(f"inputs[{number}]", _check_input(config, number, source, seen, sockets))
        if config.http is not None:
            yield from _at("http: ", _check_http(config.http, sockets(config.http.listen)))
    try:
        require_databases(config.documents.geoip or ())
    except ConfigError as error:
        yield _bad(str(error))
    # The name of a folder does not count: it gives way to the one in the lines.
    named = {x.appliance for x in config.inputs if x.appliance is not None}
    named |= {x.appliance for x in seen.values() if x.named}
    appliances = {*map(config.appliances.name_of, named), *config.appliances.by_name}
    # What comes over syslog, or through a pipe, cannot be known.
    if all(isinstance(x, FilesSettings) for x in config.inputs):
        for name in sorted(config.appliances.by_name.keys() - config.appliances.found):
            advice = "Compare its names with the folders of the logs, and the hosts in them."
            yield _ok(f"appliances.{name}: none of the logs examined belongs to it", advice)
    namespace = config.documents.namespace
    own = {x.namespace or namespace for x in config.appliances.by_name.values()} - {namespace}
    expected = Expected(namespace, tuple(sorted(appliances)), tuple(sorted(own)))
    for output in config.outputs.values():
        found = _check_output(output, expected, mask_of(config, output.name))
        yield from _at(f"outputs.{output.name}: ", found)


def _at(place: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Put a place before findings; an error that ends them becomes one as well."""
    try:
        for finding in findings:
            yield finding._replace(text=place + finding.text)
    except ForwarderError as error:
        yield _bad(f"{place}{error}")


def _ok(text: str, advice: str = "") -> Finding:
    return Finding(good=True, text=text, advice=advice)


def _bad(text: str, advice: str = "") -> Finding:
    if not advice:  # an error has it behind a semicolon
        text, _, words = text.removesuffix(".").partition("; ")
        advice = words and f"{words[0].upper()}{words[1:]}."
    return Finding(good=False, text=text, advice=advice)


def _check_state(folder: Path, max_bytes: int, mounts: Path) -> Iterator[Finding]:
    there = next(x for x in (folder, *folder.parents) if os.path.lexists(x))
    try:
        with tempfile.TemporaryFile(dir=there) as file:  # it has no name, so nothing stays
            file.write(b"\n")
        free = shutil.disk_usage(there).free
        database = folder / NAME
        used = database.stat().st_size if database.exists() else 0
    except OSError as error:
        advice = "Name a folder that this user may write to, or give it the right to."
        yield _bad(f": {error.strerror}", advice)
        return
    yield _ok(" can be " + ("written" if there == folder else f"made in {str(there)!r}"))
    if there == folder and folder.stat().st_mode & 0o077:
        advice = f"Restrict it: chmod 700 {shlex.quote(str(folder))}"
        yield _ok(" is accessible to other users", advice)
    kind = file_system(there, mounts)
    if kind in _REMOTE:
        advice = "The spool needs reliable locks; use a folder on a disk of this machine."
        yield _bad(f" is on a file system of another machine ({kind})", advice)
    elif kind in {"tmpfs", "ramfs"}:
        text = f" is in memory ({kind}), which a restart of the machine clears"
        yield _bad(text, "Use a folder on a disk.")
    else:
        yield _ok(f" is on a local file system ({kind or 'unknown'})")
    text = f" has {free // 10**6:,} MB free; the spool may take {format_size(max_bytes)}"
    is_enough = free + used >= max_bytes
    yield _ok(text) if is_enough else _bad(text, "Free some space, or lower spool.max_bytes.")


def file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """Find the kind of file system, as ``ext4``, that an existing path is on; None if unknown."""
    try:
        lines = os.fsdecode(mounts.read_bytes()).splitlines()
    except OSError:
        return None
    real = path.resolve()
    kinds: dict[int, str] = {}  # by depth; of two that are mounted on one folder, the later is seen
    for line in lines:
        before, _, behind = line.partition(" - ")
        folder = Path(re.sub(r"\\([0-7]{3})", lambda x: chr(int(x[1], 8)), before.split()[4]))
        if real.is_relative_to(folder):
            kinds[len(folder.parts)] = behind.split()[0]
    return kinds[max(kinds)] if kinds else None


def _check_spool(folder: Path, outputs: Container[str]) -> Iterator[Finding]:
    """Look for documents that would be lost with this configuration."""
    if not os.path.exists(folder / NAME):  # noqa: PTH110 - what is wrong with the folder was said
        return
    for name, of_output in summarise(folder).outputs.items():
        if name not in outputs and of_output.documents:
            yield _ok(
                f"{many(of_output.documents, 'document')} in the spool for {name!r}, an output"
                " that is no longer in the configuration",
                "The service forgets it, and they are not delivered to it; to have them"
                " delivered, give the output its old name.",
            )


def _check_input(
    config: Config,
    number: int,
    source: FileSource,
    seen: Mapping[Inode, FileStat],
    sockets: Callable[[Address], ExitStack | None],
) -> Iterator[Finding]:
    settings = config.inputs[number]
    if isinstance(settings, FilesSettings):
        for place, path in enumerate(source.paths):
            of_path = _check_path(config, number, source._replace(paths=(path,)), seen)
            yield from _at(f".paths[{place}] {path!r}", of_path)
    elif isinstance(settings, SyslogSettings):
        (listener,) = syslog_listeners([settings])
        yield from _at(": ", _check_listener(listener, sockets(listener.address)))
    elif sys.stdin is None:  # as after <&- in a shell
        advice = "Give it a file or a pipe, or take this input out."
        yield _bad(": standard input is closed", advice)
    else:
        yield _ok(" reads standard input")
    zone = settings.timezone or "UTC"
    yield _ok(f": where a log has no offset from UTC, times are taken for those of {zone}")


def _check_listener(settings: ListenerSettings, sockets: ExitStack | None) -> Iterator[Finding]:
    url, transport = settings.address.url, settings.address.transport
    if sockets is None:
        yield _left_to_service(url, settings.tls)
        return
    receiver = sockets.enter_context(closing(Receiver([])))
    receiver.listen([settings])
    yield _ok(f"can listen at {url}")
    size = receiver.counts[url].buffer_bytes
    if transport is Transport.UDP and size < UDP_BUFFER_BYTES:
        yield _ok(
            f"the system gives {url} a buffer of {size:,} bytes, which holds some"
            f" {size // _MESSAGE_BYTES:,} messages",
            f"Set net.core.rmem_max to {UDP_BUFFER_BYTES} with sysctl, so that fewer are dropped.",
        )
    if not settings.allow and transport is not Transport.UNIX:
        host = settings.address.host
        if not host.startswith("127.") and host not in {"::1", "localhost"}:
            yield _ok(f"anyone who reaches {url} may send", "Name the senders in allow.")


def _check_http(settings: HttpSettings, sockets: ExitStack | None) -> Iterator[Finding]:
    # Most services have none, and it takes long to import.
    from forwarder.app.web import HttpServer, Response  # noqa: PLC0415

    if sockets is None:
        yield _left_to_service(settings.place, settings.tls_files)
    else:
        server = HttpServer(settings, lambda *_: Response(b"", status=503))
        sockets.enter_context(closing(server))
        yield _ok(f"can listen at {settings.place}")
    if settings.is_open:
        yield _ok(f"anyone who reaches {settings.place} may read", "Set token.")


def _left_to_service(place: str, tls: TlsSettings | None) -> Finding:
    """Check only the certificate of a socket that the service has open."""
    if tls is not None:
        server_context(tls)
    return _ok(f"{place} is left to the service, which is running")


def _check_path(
    config: Config, number: int, source: FileSource, seen: Mapping[Inode, FileStat]
) -> Iterator[Finding]:
    """Check a path as the service reads it, beside the other paths."""
    (path,) = source.paths
    real = Path(os.path.realpath(fixed_folder(os.path.abspath(path))))  # noqa: PTH100 - as the inputs do
    for system in (x for x in _OF_SYSTEM if real.is_relative_to(x)):
        yield _ok(
            f" is below {system}, where there are no log files",
            "Name files on a disk; for standard input, use type: stdin.",
        )
    found = scan([source])
    files, problems, links = found.files, found.problems, found.links
    if links:
        yield _ok(f": {describe_links(links)}")
    if not files and not problems and not links:
        list_files(path, None, Search(problems=problems))
        if not problems:
            text = " matches only files of the program itself: of the state folder, and of outputs"
            yield _bad(text, "Name other files.")
    yield from (_bad(f": {x}") for x in problems)
    read = [seen[x] for x in files if x in seen]
    own = [x for x in read if (x.input, x.pattern) == (number, path)]
    closed = sorted(x.path for x in own if not os.access(x.path, os.R_OK))
    if closed:
        yield _bad(
            f": {len(closed)} of {many(len(own), 'file')} cannot be read, such as {closed[0]!r}",
            "Give this user the right to read them.",
        )
    elif own:
        names = map(config.appliances.name_of, (x.appliance for x in own))
        yield _ok(f": {many(len(own), 'file')} now, of {whose(names)}")
    yield from _at(": ", sample(own, config.inputs[number].timezone, config.appliances))
    left = len(read) - len(own)
    if left:
        yield _ok(f": {many(left, 'file')} left to a path that comes first")


def sample(
    files: Iterable[FileStat],
    zone: tzinfo | None,
    appliances: Appliances,
) -> Iterator[Finding]:
    """Parse parts of the newest files of one path of an input; leave out empty ones."""
    by_appliance: dict[str, list[FileStat]] = defaultdict(list)
    for file in sorted(files, key=lambda x: x.modified_ns, reverse=True):
        if file.size and os.access(file.path, os.R_OK):
            by_appliance[file.appliance].append(file)
    groups = [*by_appliance.values()]
    for newest in groups[:MAX_APPLIANCES]:
        yield from _sample_appliance(newest[MAX_FILES - 1 :: -1], zone, appliances)
    left = len(groups) - MAX_APPLIANCES
    if left > 0:
        yield _ok(f"{many(left, 'more appliance')} not examined")


def _sample_appliance(
    files: Sequence[FileStat], zone: tzinfo | None, appliances: Appliances
) -> Iterator[Finding]:
    """Parse parts of an appliance's files in their order: connections go on in the next file."""
    parser = LogParser(Settings(sessions=False, count_lines=False, appliances=appliances))
    logins: list[dict[str, Any]] = []
    mail, others = [], []
    for file in files:
        try:
            reading = open_file(parser, file, zone)
            logins += [orjson.loads(x) for x in _parse_ends(reading, file.path)]
        except (ForwarderError, OSError) as error:
            yield _bad(str(error).removesuffix("."))
            continue
        if reading.other is None:
            mail.append(file.path)
        else:
            others.append((file.path, reading.other))
    for path, other in others:
        yield Finding(
            good=bool(mail) or not other.is_foreign,
            text=other.say(shown(path)),
            advice="Name the files of the text mail logs, or push these to this folder.",
        )
    yield from _judge(parser.counts, mail, logins)


def _judge(
    counts: Counters, mail: Sequence[str], logins: Sequence[dict[str, Any]]
) -> Iterator[Finding]:
    for appliance, kind, first, second in counts.mixtures:
        text = describe_mixture(quoted(appliance), kind, quoted(first), quoted(second))
        yield _bad(text, GIVE_NAMES)
    for kind, appliance, detail in counts.appliance_warnings:
        text = describe_warning(kind, quoted(appliance), detail)
        yield _ok(text, "Compare the log with appliances in the configuration.")
    if not mail:
        return
    text = f"examined {quoted(mail[-1])}"
    if len(mail) > 1:
        text += f" and {many(len(mail) - 1, 'older file')}"
    text += f": {many(len(logins), 'login')}"
    if logins:
        times = sorted(x["@timestamp"] for x in logins)
        zones = sorted({x["event"]["timezone"] for x in logins})
        text += (
            f" of {whose(x['host']['name'] for x in logins)}, from {times[0]} to {times[-1]}"
            f" (UTC; in the log {', '.join(zones)})"
        )
    if counts.joinable:
        text += f"; {counts.joined:,} of {counts.joinable:,} joined to their connection"
    advice = "If the appliance's clock is not at UTC, set timezone of this input."
    yield _ok(text, advice if counts.assumed_utc else "")


def _parse_ends(reading: FileParser, path: str) -> Iterator[bytes]:
    """Parse the beginning and the end of a file; yield documents."""
    with closing(read_blocks(path, block_bytes=END_BYTES)) as blocks:
        beginning = next(blocks, b"")
        if not next(blocks, b""):
            yield from reading.feed(beginning)
            yield from reading.finish()
            return
    # What follows is not what the file has there, so no line is cut.
    yield from reading.feed(beginning[: beginning.rfind(b"\n") + 1])
    yield from reading.settle()
    with open(path, "rb") as log:  # noqa: PTH123 - bytes names
        if log.read(len(GZIP_MAGIC)) == GZIP_MAGIC:  # its end takes reading all of it
            return
        log.seek(max(os.fstat(log.fileno()).st_size - END_BYTES, len(beginning)))
        log.readline()
        yield from reading.feed(log.read(END_BYTES))
    yield from reading.settle()


def whose(appliances: Iterable[str]) -> str:
    """Return the name of a single appliance, or how many there are."""
    names = sorted(set(appliances))
    return names[0] if len(names) == 1 else f"{len(names)} appliances"


def _check_output(output: OutputConfig, expected: Expected, mask: Mask) -> Iterator[Finding]:
    """Let the plugin check; whatever it does, the other outputs are checked as well."""
    check_it = output.plugin.check
    if check_it is None:
        yield _ok(f"the settings are valid; type {output.plugin.name} has no check")
        return
    try:
        for finding in plugin_items(lambda: check_it(output.settings, expected)):
            yield Finding(finding.good, mask(finding.text), mask(finding.advice))
    except ForwarderError as error:
        yield _bad(shortened(mask(error_text(error, whole=True))))
    except EndedBySignal:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may do anything
        said = shortened(mask_url(mask(error_text(error, typed=True, whole=True))))
        advice = "This is a fault of the plugin; tell those who made it."
        yield _bad(f"its check failed: {said}", advice)
