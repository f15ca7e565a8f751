"""The saved state of parser and inputs: its version, upgrades, and what rewind forgets.

Keys and values of both change together, and with them the ids of events; so there is one version
for all of it, beside them in the spool. A state of the version before is upgraded in one
transaction when the spool is opened; one of a later version is refused.

Version 1 (0.1.0) had no number. It saved connections by appliance, without the log they are of.
They go over to the log and the serial number that the positions of the appliance's files have.
Where these are several, it is unknown which connection is of which, and they are dropped. So is
what it saved for ids, which are others now, and what is longer than any connection.
"""

import os
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from forwarder.app.parser_client import PREFIX as PARSER_PREFIX
from forwarder.errors import StateVersionError
from forwarder.inputs.files.checkpoint import PREFIX as FILE_PREFIX
from forwarder.inputs.files.checkpoint import STARTED
from forwarder.inputs.files.paths import base_name, log_folder
from forwarder.mail_logs.event_ids import Family
from forwarder.mail_logs.snapshot import VERSION
from forwarder.mail_logs.streams import Key, serials_key
from forwarder.spool.spool import Spool

if TYPE_CHECKING:
    from forwarder.config.load import Config

KEY = "state/version"

_MAX_CONNECTION = 1 << 15  # bytes that the lines of a connection take, by far

Changes = dict[str, bytes | None]

_log = structlog.get_logger(__name__)


def open_spool(config: "Config") -> Spool:
    """Open the spool of a configuration, and upgrade its state."""
    spool = Spool(
        Path(os.path.abspath(config.state)),  # noqa: PTH100 - .. stays
        max_bytes=config.spool.max_bytes,
        max_letter_bytes=config.dead_letters.max_bytes,
    )
    try:
        upgrade(spool)
    except BaseException:
        spool.close()
        raise
    return spool


def upgrade(spool: Spool) -> None:
    """Upgrade the state to this version before anything reads it, or raise StateVersionError."""
    known = dict(spool.load_state(KEY)).get(KEY)
    version = 1 if known is None else int(known)
    if version == VERSION:
        return
    folder = repr(str(spool.folder))
    if version > VERSION:
        raise StateVersionError(
            f"the state in {folder} has version {version}, and this program knows version"
            f" {VERSION}; use the program that wrote it, or a later one"
        )
    changes: Changes = {KEY: b"%d" % VERSION}
    pairs = dict(spool.load_state(PARSER_PREFIX)) | dict(spool.load_state(FILE_PREFIX))
    if pairs:
        try:
            upgraded, dropped = _upgrade(pairs)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise StateVersionError(
                f"the state in {folder} has no version that this program knows ({error!r}); use"
                " the program that wrote it, or move the state folder away and start with a new"
                " one, which reads all files again"
            ) from error
        changes |= upgraded
        for appliance in dropped:
            _log.warning(
                "Open connections dropped: the logs of the appliance are of several machines, and"
                " the version before did not know which connection is of which.",
                appliance=appliance,
            )
        _log.info("Saved state upgraded.", before=version, now=VERSION)
    spool.commit([], changes.items())


def forget(
    state: Iterable[tuple[str, bytes]], appliances: Container[str]
) -> list[tuple[str, None]]:
    """Return what to delete from the parser's state so that appliances are parsed from the start.

    The state of syslog messages stays: they cannot be read again, and logins may wait there.
    """
    pairs = [(key.removeprefix(PARSER_PREFIX).split("/", 1), key, value) for key, value in state]
    # Keys begin with the number of a stream, or stand for the serial numbers of a family of them.
    families = {number: orjson.loads(value)[0] for (number, rest), _, value in pairs if not rest}
    found = []
    for (number, rest), key, _ in pairs:
        family = Family(*(families[number] if number in families else orjson.loads(rest)))
        if family.appliance in appliances and not family.messages:
            found.append((key, None))
    return found


def appliances_in(resume: bytes) -> set[str]:
    """Return the appliances of a file besides its own, from what its parser saved."""
    *_, (*_, hosts, headers) = orjson.loads(resume)
    return {host for host, *_ in headers if host is not None} if hosts else set()


def _upgrade(pairs: dict[str, bytes]) -> tuple[Changes, list[str]]:
    """Upgrade version 1; return the changes, and appliances whose connections are dropped."""
    changes: Changes = {}
    logs_of: dict[str, set[tuple[str, str]]] = defaultdict(set)
    serials_of: dict[str, set[str]] = defaultdict(set)
    own: dict[str, list[tuple[str, str, bytes]]] = defaultdict(list)
    for key, value in pairs.items():
        if key.startswith(PARSER_PREFIX):
            # The appliance's name may have slashes; what is behind it has two parts.
            appliance, kind, name = key.removeprefix(PARSER_PREFIX).rsplit("/", 2)
            own[appliance].append((kind, name, value))
            changes[key] = None
            continue
        head, _, resume = value.partition(b"\n")
        position = {} if key == STARTED else orjson.loads(head)
        if position and resume:
            log = base_name(position["path"]), log_folder(position["path"])
            for appliance, (serial, *_) in orjson.loads(resume)[-1].items():
                logs_of[appliance].add(log)
                serials_of[appliance] |= {serial} - {None}
            changes[key] = head + b"\n" + _upgrade_file(position, *log, resume)
    dropped = []
    for number, (appliance, parts) in enumerate(sorted(own.items())):
        logs, serials = logs_of[appliance] or {("", "")}, [*serials_of[appliance]]
        if len(logs) > 1 or len(serials) > 1:
            dropped.append(appliance)
            continue
        ((base, folder),) = logs
        family = Family(appliance, base, None, "" if serials else folder)
        stream = Key(family, serials[0] if serials else None, None)
        for rest, value in _upgrade_stream(appliance, stream, parts):
            changes[f"{PARSER_PREFIX}{number}/{rest}"] = value
        for serial in serials:
            known = serials_key(Family(appliance, base, None, folder))
            changes[f"{PARSER_PREFIX}{known}"] = orjson.dumps([serial])
    return changes, dropped


def _upgrade_stream(
    appliance: str, stream: Key, parts: list[tuple[str, str, bytes]]
) -> Iterator[tuple[str, bytes]]:
    """Return the state of an appliance as that of a stream."""
    yield "", orjson.dumps([[*stream.family], *stream[1:], None])
    for kind, name, value in parts:
        if kind in {"inbound", "outbound"}:
            if len(value) <= _MAX_CONNECTION:
                yield f"{kind}/{name}", value
        elif kind == "attempts":
            last, failures, counts = orjson.loads(value)
            if counts is not None:
                said = f"{appliance}/{name}/{last}"
                counts = [blake2b(said.encode(), digest_size=16).hexdigest(), *counts]
            yield f"{kind}/{name}", orjson.dumps([last, failures, counts])
        elif kind == "rest":
            yield "expiry", orjson.dumps(orjson.loads(value)[0])


def _upgrade_file(position: Mapping[str, Any], base: str, folder: str, resume: bytes) -> bytes:
    """Return the state of a file's parser; what was not saved is as at the start of a file."""
    from forwarder.pipeline import LogParser  # noqa: PLC0415 - hardly ever needed

    at, skipping, within, dates, *_, is_foreign, logs = orjson.loads(resume)
    appliance = position["appliance"]
    name = next((file for _, _, file in logs.values()), position["path"])
    hosts = [[x if x != appliance else None, *y[:2]] for x, y in logs.items()]
    state = orjson.loads(LogParser().open(appliance, name, base=base, folder=folder).state)
    state[:3] = at, skipping, within
    state[3][: len(dates)] = dates
    if not is_foreign:
        state[4] = None
    state[5][4:] = any(x is not None for x, *_ in hosts), hosts
    return orjson.dumps(state)
