"""The version of the state: of what the core and the inputs remember, in one place.

Keys and values of both change together, and with them the ids of events; so there is one version
for all of it, beside them in the spool. A state of the version before is brought up to date in one
transaction, when the spool is opened; one of a later version is refused.

Version 1 (0.1.0) had no number. It remembered connections by appliance, without the log they are
of. They go over to the log and the serial number that the positions of the appliance's files have.
Where these are several, nobody knows which connection is of which, and they are left behind. So is
what it remembered for ids, which are others now, and what is longer than any connection.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from forwarder.app.core_settings import PREFIX as CORE_PREFIX
from forwarder.errors import ForwarderError
from forwarder.inputs.files.paths import base_name, log_folder
from forwarder.inputs.files.positions import PREFIX as FILE_PREFIX
from forwarder.inputs.files.positions import STARTED

if TYPE_CHECKING:
    from forwarder.spool import Spool

KEY = "state/version"
VERSION = 2

_MAX_CONNECTION = 1 << 15
"""Bytes that the lines of a connection take, by far."""

Pairs = dict[str, bytes]
Changes = dict[str, bytes | None]

_log = structlog.get_logger(__name__)


class StateVersionError(ForwarderError):
    """The state is of a version that the program does not know."""


def bring_up_to_date(spool: "Spool") -> None:
    """See to it that the state is of this version; before anything else reads it.

    Raises:
        StateVersionError: It is of a later one, or of none that is known.
        SpoolError: It cannot be read or written.
    """
    known = dict(spool.load_state(KEY)).get(KEY)
    version = 1 if known is None else int(known)
    if version == VERSION:
        return
    if version > VERSION:
        raise StateVersionError(
            f"the state in {str(spool.folder)!r} is of version {version}, and this program knows"
            f" version {VERSION}; use the program that wrote it, or a later one"
        )
    changes: Changes = {KEY: b"%d" % VERSION}
    pairs = dict(spool.load_state(CORE_PREFIX)) | dict(spool.load_state(FILE_PREFIX))
    if pairs:
        try:
            upgraded, left = _upgrade(pairs)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise StateVersionError(
                f"the state in {str(spool.folder)!r} is of no version that this program knows"
                f" ({error!r}); use the program that wrote it, or set the state folder aside and"
                " start anew, which reads all files again"
            ) from error
        changes |= upgraded
        for appliance in left:
            _log.warning(
                "What was open is left behind: the logs of the appliance are of several machines,"
                " and the version before did not know which connection is of which.",
                appliance=appliance,
            )
        _log.info("The state was brought up to date.", before=version, now=VERSION)
    spool.commit([], changes.items())


def _upgrade(pairs: Pairs) -> tuple[Changes, list[str]]:
    """Bring a state of version 1 up to date.

    Returns:
        What to change, and the appliances of which nothing is taken over.
    """
    changes: Changes = {key: None for key in pairs if key.startswith(CORE_PREFIX)}
    logs_of: dict[str, set[tuple[str, str]]] = defaultdict(set)
    serials_of: dict[str, set[str]] = defaultdict(set)
    for key, value in pairs.items():
        if key.startswith(FILE_PREFIX) and key != STARTED:
            head, _, resume = value.partition(b"\n")
            position = orjson.loads(head)
            log = base_name(position["path"]), log_folder(position["path"])
            logs = orjson.loads(resume)[-1] if resume else {}
            for appliance, (serial, *_) in logs.items():
                logs_of[appliance].add(log)
                serials_of[appliance] |= set() if serial is None else {serial}
            if resume:
                changes[key] = head + b"\n" + _upgrade_reading(position, *log, resume)
    own: dict[str, list[tuple[str, str, bytes]]] = defaultdict(list)
    for key, value in pairs.items():
        if key.startswith(CORE_PREFIX):
            # The appliance's name may have slashes; what is behind it has two parts.
            appliance, kind, name = key.removeprefix(CORE_PREFIX).rsplit("/", 2)
            own[appliance].append((kind, name, value))
    left = []
    for number, (appliance, parts) in enumerate(sorted(own.items())):
        logs, serials = logs_of[appliance] or {("", "")}, [*serials_of[appliance]]
        if len(logs) > 1 or len(serials) > 1:
            left.append(appliance)
            continue
        ((base, folder),) = logs
        family = [appliance, base, None, "" if serials else folder]
        stream = [family, serials[0] if serials else None, None]
        changes |= {
            f"{CORE_PREFIX}{number}/{rest}": value
            for rest, value in _upgrade_stream(appliance, stream, parts)
        }
        for serial in serials:
            known = orjson.dumps([appliance, base, None, folder]).decode()
            changes[f"{CORE_PREFIX}serials/{known}"] = orjson.dumps({serial: 0})
    return changes, left


def _upgrade_stream(
    appliance: str, stream: list[Any], parts: list[tuple[str, str, bytes]]
) -> Iterator[tuple[str, bytes]]:
    """Give what is remembered of an appliance as that of a stream."""
    yield "", orjson.dumps(stream)
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


def _upgrade_reading(position: Mapping[str, Any], base: str, folder: str, resume: bytes) -> bytes:
    """Give what a reading needs to go on; what was not remembered begins as if the file did."""
    from forwarder.pipeline import Flow  # noqa: PLC0415 - hardly ever needed

    at, skipping, within, dates, *_, is_foreign, logs = orjson.loads(resume)
    appliance = position["appliance"]
    name = next((file for _, _, file in logs.values()), position["path"])
    hosts = [[x if x != appliance else None, *y[:2]] for x, y in logs.items()]
    state = orjson.loads(Flow().open(appliance, name, base=base, folder=folder).state)
    state[:3] = at, skipping, within
    state[3][: len(dates)] = dates
    if not is_foreign:
        state[4] = None
    state[5][4:] = any(x is not None for x, *_ in hosts), hosts
    return orjson.dumps(state)
