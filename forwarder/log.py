"""The program's own log, on standard error: one event a line, whatever it contains.

    timestamp=2026-03-01T12:00:00.000000Z level=warning event="The spool is full; ..." bytes=...

An event is a whole sentence, logged once per change of state; details follow as keys and values.
Modules log through ``structlog.get_logger(__name__)``; logs and warnings of libraries take the same
path. Nothing here raises, not even when standard error is closed or its disk
is full: the service matters more than its log.

If standard error is systemd's journal, each line begins with its priority, as ``<4>``
(sd-daemon(3)). The journal removes it, and ``journalctl -p warning`` works.
"""

import logging
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import structlog

from forwarder.text import cut, escaped

_OURS = "forwarder"  # prefix of the loggers of the program and its own plugins

MAX_VALUE = 16_000
"""Characters of a value, such as a traceback: journald cuts lines, with all values, at 48 KiB."""

_FIRST = ("timestamp", "level", "event")

_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.NOTSET, 7))
"""Priorities of the journal, each with the lowest level that has it."""
_STDERR = 2


def configure(form: str, level: str, mask: Callable[[str], str] = str) -> None:
    """Configure logging as ``logfmt`` or ``json``, even while other threads log.

    ``mask`` removes secrets from everything that is logged. Libraries log only warnings and errors,
    unless ``level`` is ``debug``: some would log every request.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    of_libraries = number if number <= logging.DEBUG else max(number, logging.WARNING)
    handler = _Handler(to_journal=_is_journal(_STDERR))
    handler.setFormatter(_formatter(form, mask))
    handler.addFilter(lambda x: x.levelno >= (number if x.name.startswith(_OURS) else of_libraries))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # so that a later configuration applies to all
    )
    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    root.setLevel(number)
    before = [x for x in root.handlers if isinstance(x, _Handler)]
    root.addHandler(handler)
    for old in before:
        root.removeHandler(old)


class _Handler(logging.Handler):
    """Writes to the current standard error."""

    def __init__(self, *, to_journal: bool) -> None:
        super().__init__()
        self._to_journal = to_journal

    def emit(self, record: logging.LogRecord) -> None:
        try:
            try:
                line = self.format(record)
            except Exception:  # noqa: BLE001 - values of plugins may do anything when formatted
                place = f"{record.pathname}:{record.lineno}"
                said = f"An event of {record.name} cannot be shown; it was logged at {place}."
                error = {"name": record.name, "levelno": logging.ERROR, "levelname": "ERROR"}
                line = self.format(logging.makeLogRecord(error | {"msg": said}))
            if self._to_journal:
                priorities = (y for x, y in _PRIORITIES if record.levelno >= x)
                line = f"<{next(priorities)}>{line}"
            if sys.stderr is not None:
                sys.stderr.write(f"{line}\n")
                sys.stderr.flush()
        except Exception:  # noqa: BLE001, S110 - there is nowhere left to report it
            pass


def _is_journal(descriptor: int) -> bool:
    """Whether a descriptor is the journal, as systemd.exec(5) defines the variable."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def _formatter(form: str, mask: Callable[[str], str]) -> logging.Formatter:
    def prepare(_: object, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        """Mask values before they are cut or escaped; the fields of every event come first."""
        values = {mask(x): _masked(y, mask) for x, y in event.items()}
        first = {x: values.pop(x) for x in _FIRST if x in values}
        return first | {
            x: cut(y, MAX_VALUE) if isinstance(y, str) else y for x, y in values.items()
        }

    processors: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        prepare,
    ]
    if form == "json":
        processors += [structlog.processors.JSONRenderer(default=repr)]
    else:
        processors += [_plain, structlog.processors.LogfmtRenderer(bool_as_flag=False)]
    return structlog.stdlib.ProcessorFormatter(processors=processors)


def _masked(value: object, mask: Callable[[str], str]) -> object:
    if isinstance(value, bool | int | float | None):
        return value
    text = str(value)
    masked = mask(text)
    return value if masked == text else masked


def _plain(_: object, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Escape keys and values so that they cannot hide, end the line, or pass for others."""
    plain: dict[str, Any] = {}
    for key, value in event.items():
        name = "".join(x if x.isprintable() and x not in ' ="' else "_" for x in str(key))
        if not isinstance(value, bool | int | float | None):
            value = "\n".join(map(escaped, str(value).strip().split("\n")))  # noqa: PLW2901
        plain[name] = value
    return plain
