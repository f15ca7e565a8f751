"""The state of inputs and appliances: progress for ``status``, and what is wrong for the log.

Rules:

* What documents lack is logged when it appears, and again after an hour at the earliest: a log of
  the wrong kind grows all day.
* Any file may lie beside logs. One that is not a mail log makes a run fail only if the
  configuration names it, or if there is no other file.
* An appliance is heard when something new is read from it, whether from a file or a socket.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from heapq import nsmallest
from itertools import islice
from typing import Any

import orjson
import structlog

from forwarder.app.parser_client import CheckpointReply
from forwarder.events import (
    APPLIANCE_WARNINGS,
    GIVE_NAMES,
    UNPARSED,
    WARNINGS,
    Counters,
    ParseWarning,
)
from forwarder.inputs.files.tailer import FileTailer
from forwarder.inputs.stdin import KEY as STDIN_KEY
from forwarder.inputs.syslog.sockets import LISTENER_WARNINGS, ListenerCounts
from forwarder.mail_logs.appliance_counts import MAX_APPLIANCES, ApplianceCounts
from forwarder.mail_logs.subscriptions import OtherLog
from forwarder.text import decoded, iso_time, shortened, shown

AGAIN_SECONDS = 3_600.0  # after which a number that has grown is logged again

STATUS_SECONDS = 5.0  # how often the state is saved for `status`, while something changes
_STATUS_SHARE = 50  # at most one part in so many of the time goes into that, with 100,000 files

_MUCH_BEHIND = 16 << 20  # bytes; what is read in less than a second is never worth a warning

_BEHIND_SECONDS = 4.0
"""Before a warning: a large file that arrives is read within a moment."""

GONE = timedelta(days=30)
"""After so long without a line, an appliance is forgotten: it was taken out of service."""

STATUS_PREFIX = "status/"
_KEY = STATUS_PREFIX + "ingest"

MAX_STATUS_FILES = 100  # that `status` names, the furthest behind first: there may be thousands
MAX_OTHERS = 1_000  # files known not to be mail logs after a restart, though none is read again

_log = structlog.get_logger(__name__)


class InputStatus:
    """Describes the inputs. For the thread that reads them."""

    def __init__(  # noqa: PLR0913 - each has a name
        self,
        tailer: FileTailer,
        named: Collection[str],
        last: Mapping[str, bytes],
        *,
        listeners: Callable[[], Mapping[str, ListenerCounts]] = dict,
        name_of: Callable[[str], str] = str,
        silence: Callable[[str], timedelta | None] = lambda _: None,
    ) -> None:
        """Start with nothing logged.

        ``named`` are paths of single files in the configuration; ``last`` is what was saved for
        ``status`` before. ``name_of`` gives the name of an appliance by its folder, ``silence`` how
        long an appliance may send nothing.
        """
        self._name_of = name_of
        self.tailer = tailer
        self._listeners = listeners
        self._named = {*named, "-"}
        before = orjson.loads(last.get(_KEY, b"{}"))
        self._others = {x.pop("key"): OtherLog(**x) for x in before.get("other_logs", ())}
        self._others.pop(STDIN_KEY, None)  # of another run
        self._fleet = Fleet(before.get("appliances", ()), silence)
        self._logged_others: dict[str, OtherLog] = {}
        self._others_logged = 0
        self._warnings = InputWarnings()
        self._counts = Counters()
        self._geoip_trouble: str | None = None
        self._has_logs: bool | None = None
        self._behind_since: float | None = None  # from 1970; when much was not read yet
        self._is_behind = False
        self.due = 0.0  # when to save for `status`
        self._last: dict[str, object] = {}
        self.problems = 0  # what could not be read or is lost; each was logged

    def log_problems(self) -> None:
        """Log what has gone wrong since the last call."""
        for problem in self.tailer.take_problems():
            self.problems += 1
            _log.warning("Log file cannot be read.", reason=problem)
        for loss in self.tailer.take_losses():
            self.problems += 1
            _log.warning("Log file was deleted before it was read.", reason=loss)
        links = self.tailer.take_links()
        if links is not None:
            _log.warning("Symbolic links were skipped.", reason=links)

    @property
    def is_due(self) -> bool:
        """Whether it is time to save for ``status``."""
        return time.monotonic() >= self.due

    def take(self, reply: CheckpointReply) -> list[tuple[str, bytes]]:
        """Log what is new and return pairs to save, if it is time."""
        self._counts = reply.counts
        self._note_geoip(reply.geoip_trouble)
        self._fleet.add(reply.appliance_counts)
        for key, other in reply.others.items():
            if other is None:
                self._others.pop(key, None)
            else:
                self._others[key] = other
        if not self.is_due:
            return []
        begun = time.monotonic()
        self._warnings.log(self._counts, self._listeners())
        self._log_whether_there_are_logs()
        self._fleet.log_silence()
        status = self._describe(reply.open_connections)
        now = time.monotonic()
        self.due = now + max(STATUS_SECONDS, (now - begun) * _STATUS_SHARE)
        if status == self._last:
            return []
        self._last = status
        return [(_KEY, orjson.dumps({"time": iso_time(time.time())} | status))]

    def finish(self) -> None:
        """Log what is left to log, and count files that are not mail logs as problems."""
        self._warnings.log(self._counts, self._listeners(), last=True)
        foreign = [path for path, other in self._log_others().values() if other.is_foreign]
        only_foreign = len(foreign) == self.tailer.number
        self.problems += sum(1 for path in foreign if only_foreign or path in self._named)

    def _log_others(self) -> dict[str, tuple[str, OtherLog]]:
        """Log files that turned out not to be mail logs; return all that are there now, by key."""
        files = self.tailer.status() if self._others else ()
        paths = sorted((x.path, x.key) for x in files if x.key in self._others)
        if STDIN_KEY in self._others:
            paths.insert(0, ("-", STDIN_KEY))
        found = {key: (path, self._others[key]) for path, key in paths}
        for key, (path, other) in found.items():
            before = self._logged_others.get(key)
            self._logged_others[key] = other
            if before is not None and before._replace(lines=other.lines) == other:
                continue
            self._others_logged += 1
            if self._others_logged <= MAX_STATUS_FILES:
                _log.warning("A file is not a mail log.", reason=other.say(shown(path)))
            elif self._others_logged == MAX_STATUS_FILES + 1:
                _log.warning("More files are not mail logs; no further one is named.")
        return found

    def _log_whether_there_are_logs(self) -> None:
        """Log once that there are none: a missing mount would look like a quiet night."""
        found = self.tailer.finds_files
        if found is None:
            return
        before, self._has_logs = self._has_logs, found
        if found and before is False:
            _log.info("There are logs again.")
        # At the beginning, what cannot be read was logged already.
        if not found and (before or (before is None and not self.problems)):
            self.problems += 1
            _log.warning(
                "No log found: nothing matches the paths of the inputs. Mount what is missing, or"
                " correct the paths; see esa-forwarder check."
            )

    def _note_geoip(self, trouble: str | None) -> None:
        before, self._geoip_trouble = self._geoip_trouble, trouble
        if trouble and not before:
            _log.warning("GeoIP database cannot be read; its old content is used.", reason=trouble)
        elif before and not trouble:
            _log.info("GeoIP databases can be read again.")

    def _note_behind(self, behind: int) -> None:
        """Note since when much is not read yet; log once when that lasts, and once when it ends."""
        now = time.time()
        if behind >= _MUCH_BEHIND:
            self._behind_since = self._behind_since or now
            if not self._is_behind and now - self._behind_since >= _BEHIND_SECONDS:
                self._is_behind = True
                _log.warning("Reading is behind the logs; see esa-forwarder status.", bytes=behind)
            return
        self._behind_since = None
        if self._is_behind:
            self._is_behind = False
            _log.info("Reading has caught up with the logs.")

    def _describe(self, open_connections: int) -> dict[str, object]:
        """Describe the inputs; files come one at a time, because there may be 100,000."""
        others = self._log_others()
        number = lost = 0
        behind_of = Counter[str]()
        for file in self.tailer.status():
            number += 1
            behind_of[self._name_of(file.appliance)] += file.behind
            lost += file.lost
        behind = behind_of.total()
        self._note_behind(behind)
        worst = nsmallest(
            MAX_STATUS_FILES,
            self.tailer.status(),
            key=lambda x: (-x.behind - x.lost, x.path, x.offset),
        )
        problems = [*self.tailer.problems, *(x.say(shown(path)) for path, x in others.values())]
        return {
            "open_connections": open_connections,
            "appliances": self._fleet.describe(),
            "warnings": {x.name: getattr(self._counts, x.name) for x in WARNINGS},
            "unparsed": [
                {**x._asdict(), "text": decoded(x.text)}
                for kind in UNPARSED
                for x in self._counts.unparsed.get(kind, ())
            ],
            "mixtures": [x._asdict() for x in self._counts.mixtures],
            "appliance_warnings": [x._asdict() for x in self._counts.appliance_warnings],
            "listeners": [{"address": x, **asdict(y)} for x, y in self._listeners().items()],
            "bytes": self._counts.bytes,
            "lines": self._counts.lines,
            "events": [[*x, y] for x, y in self._counts.events.items()],
            "geoip_trouble": self._geoip_trouble,
            "has_logs": self._has_logs,
            "files": number,
            "behind_bytes": behind,
            "behind_of": behind_of,
            "behind_since": self._behind_since if self._is_behind else None,
            "lost_bytes": lost,
            "named": [
                {
                    "path": os.fsencode(x.path).decode("utf-8", "replace"),
                    "appliance": self._name_of(x.appliance),
                    "size": x.size,
                    "offset": x.offset,
                    "behind_bytes": x.behind,
                    "lost_bytes": x.lost,
                    "modified": x.modified and iso_time(x.modified.timestamp()),
                }
                for x in worst
            ],
            "other_logs": [
                {"key": key, **other._asdict()}
                for key, (_, other) in islice(others.items(), MAX_OTHERS)
            ],
            "problems": [shortened(x) for x in problems[:MAX_STATUS_FILES]],
        }


class InputWarnings:
    """Logs what documents lack and sockets refused: when it is new, then at most once an hour."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing logged; the clock gives seconds."""
        self._clock = clock
        self._logged: dict[object, tuple[int, float]] = {}  # totals, and when they were logged

    def log(
        self, counts: Counters, listeners: Mapping[str, ListenerCounts], *, last: bool = False
    ) -> None:
        """Log what is new in the totals so far; the ``last`` time without waiting for an hour."""
        if counts.assumed_utc and self._is_due("assumed_utc", 1):
            _log.warning(
                "Times were taken for UTC: neither a file header nor the setting timezone of an"
                " input gives the zone; set it there, for example timezone: Europe/Rome."
            )
        for mixture in counts.mixtures:
            if self._is_due(("mixture", mixture.appliance), 1):
                _log.warning(
                    "Logs under one name come from two machines; nothing is joined between them. "
                    + GIVE_NAMES,
                    **mixture._asdict(),
                )
        for odd in counts.appliance_warnings:
            if self._is_due(odd, 1):
                detail = {"detail": odd.detail} if odd.detail else {}
                meaning = APPLIANCE_WARNINGS[odd.kind]
                _log.warning(f"Appliance {meaning}.", appliance=odd.appliance, **detail)
        for warning in WARNINGS:
            self._log_warning(warning, counts, last=last)
        for address, received in listeners.items():
            for name, meaning in LISTENER_WARNINGS.items():
                number: int = getattr(received, name)
                if self._is_due((address, name), number, last=last):
                    error = {"error": received.tls_error} if name == "tls_failed" else {}
                    _log.warning(f"Syslog: {meaning}.", address=address, number=number, **error)

    def _log_warning(self, warning: ParseWarning, counts: Counters, *, last: bool) -> None:
        name, noun, what, advice, _, is_wanted = warning
        number: int = getattr(counts, name)
        text = f"{noun.capitalize()}s {what}: {advice}."
        if is_wanted:
            if self._is_due(name, min(number, 1)):
                _log.info(text)
        elif self._is_due(name, number, last=last):
            first: dict[str, str | int] = {}
            if name in counts.first:
                path, offset = counts.first[name]
                first["path"] = path or "-"
                if offset is not None:
                    first["offset"] = offset
            _log.warning(text, number=number, **first)

    def _is_due(self, key: object, number: int, *, last: bool = False) -> bool:
        """Return whether to log a total that has grown; it counts as logged then."""
        now = self._clock()
        before, at = self._logged.get(key, (0, None))
        if number <= before or not (at is None or last or now - at >= AGAIN_SECONDS):
            return False
        self._logged[key] = number, now
        return True


@dataclass(slots=True)
class _Appliance:
    """One appliance, as it is saved for ``status``; times in seconds since 1970."""

    appliance: str
    heard: float
    last_line: int | None = None
    lag_seconds: int | None = None
    """From the time of the latest line to the moment when it was read."""
    bytes: int = 0
    bytes_per_second: int = 0
    logins: int = 0
    joined: int = 0
    open_connections: int = 0
    silent_since: float | None = None


class Fleet:
    """All appliances from which anything was read."""

    def __init__(
        self,
        saved: Iterable[Mapping[str, Any]],
        silence: Callable[[str], timedelta | None],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Continue from what :meth:`describe` returned.

        ``silence`` gives, by name, how long an appliance may send nothing; None for ever.
        """
        self._silence = silence
        self._now = now
        self._begun = self._described = now()
        # The one heard last is the last.
        self._appliances = {x["appliance"]: _Appliance(**x) for x in saved}
        self._new_bytes = Counter[str]()  # by appliance, since it was described last

    def add(self, counts: Mapping[str, ApplianceCounts]) -> None:
        """Add what came since the last call, and log appliances that send again."""
        now = self._now()
        for name, more in counts.items():
            known = self._appliances.pop(name, None) or _Appliance(name, now)
            self._appliances[name] = known
            if more.bytes:  # a login that waited comes alone
                known.heard = now
            if more.last_line is not None:
                known.last_line = more.last_line
                known.lag_seconds = round(now - more.last_line)
            known.bytes += more.bytes
            self._new_bytes[name] += more.bytes
            known.logins += more.logins
            known.joined += more.joined
            known.open_connections = more.open_connections
            if more.bytes and known.silent_since is not None:
                seconds = round(now - known.silent_since)
                _log.info("An appliance sends again.", appliance=name, seconds=seconds)
                known.silent_since = None
        while len(self._appliances) > MAX_APPLIANCES:
            del self._appliances[next(iter(self._appliances))]

    def log_silence(self) -> None:
        """Log each appliance that has been silent for too long, once."""
        now = self._now()
        for name, known in list(self._appliances.items()):
            # While the service did not run, it could hear nothing.
            quiet = timedelta(seconds=now - max(known.heard, self._begun))
            limit = self._silence(name)
            if now - known.heard > GONE.total_seconds():
                del self._appliances[name]
            elif limit is None:
                known.silent_since = None
            elif quiet > limit and known.silent_since is None:
                known.silent_since = known.heard
                _log.warning(
                    "An appliance is silent: it has sent nothing for longer than the setting"
                    " silence allows. Check whether it runs, and whether its logs still arrive.",
                    appliance=name,
                    since=iso_time(known.heard),
                )

    def describe(self) -> list[dict[str, Any]]:
        """Return a row of values for each appliance, by name; rates are since the last call."""
        now = self._now()
        seconds = max(now - self._described, 1)
        for name, known in self._appliances.items():
            known.bytes_per_second = round(self._new_bytes[name] / seconds)
        self._described = now
        self._new_bytes.clear()
        return [asdict(y) for _, y in sorted(self._appliances.items())]
