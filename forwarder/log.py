"""The program's own log, on standard error: one event a line, whatever is in it.

    timestamp=2026-03-01T12:00:00.000000Z level=warning event="The spool is full; ..." bytes=...

An event is a whole sentence for the person who reads it, logged once a change of state; what
varies goes beside it as key and value. Modules log through ``structlog.get_logger(__name__)``;
what libraries log or warn of goes the same way. Nothing here raises, not even when standard error
is closed or its disk is full: the service matters more than what it says.
"""

import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import structlog

from forwarder.text import cut, escaped

_OURS = "forwarder"
"""What the loggers of the program and of its own plugins begin with."""

MAX_VALUE = 16_000
"""Characters of a value, such as a traceback with the words of a stranger: journald cuts lines at
48 KiB, and there are others beside it."""

_FIRST = ("timestamp", "level", "event")


def configure(form: str, level: str, mask: Callable[[str], str] = str) -> None:
    """Begin to log, or go on in another way; also while other threads log.

    Of libraries only warnings and errors are logged, unless ``level`` is ``debug``: some say a
    line for each request.

    Args:
        form: ``logfmt`` (key=value) or ``json``.
        level: The least that is logged: ``debug``, ``info``, ``warning`` or ``error``.
        mask: Takes secrets out of whatever is logged.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    handler = _Handler()
    handler.setFormatter(_formatter(form, mask))
    handler.addFilter(lambda record: _is_wanted(record, number))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # so that what is configured later holds for all
    )
    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    root.setLevel(number)
    before = [x for x in root.handlers if isinstance(x, _Handler)]
    root.addHandler(handler)
    for old in before:
        root.removeHandler(old)


class _Handler(logging.Handler):
    """Writes to whatever is standard error at that moment."""

    # typing.override is of Python 3.12.
    def emit(self, record: logging.LogRecord) -> None:  # type: ignore[explicit-override]
        try:
            try:
                line = self.format(record)
            except Exception:  # noqa: BLE001 - whatever was logged may do anything when it is shown
                line = self.format(_unspeakable(record))
            if sys.stderr is not None:
                sys.stderr.write(f"{line}\n")
                sys.stderr.flush()
        except Exception:  # noqa: BLE001, S110 - there is nowhere left to say it
            pass


def _unspeakable(record: logging.LogRecord) -> logging.LogRecord:
    """Say at least that there was something to say."""
    place = f"{record.pathname}:{record.lineno}"
    return logging.makeLogRecord(
        {
            "name": record.name,
            "levelno": logging.ERROR,
            "levelname": "ERROR",
            "msg": f"An event of {record.name} cannot be shown; it was logged at {place}.",
        }
    )


def _is_wanted(record: logging.LogRecord, level: int) -> bool:
    least = level if level <= logging.DEBUG else max(level, logging.WARNING)
    return record.levelno >= (level if record.name.startswith(_OURS) else least)


def _formatter(form: str, mask: Callable[[str], str]) -> logging.Formatter:
    def masked(_: object, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        """Look at values before they are cut or escaped."""
        return {mask(x): _masked(y, mask) for x, y in event.items()}

    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        masked,
        _in_order,
    ]
    renderer: list[structlog.typing.Processor]
    if form == "json":
        renderer = [structlog.processors.JSONRenderer(default=repr)]
    else:
        renderer = [_plain, structlog.processors.LogfmtRenderer(bool_as_flag=False)]
    return structlog.stdlib.ProcessorFormatter(processors=[*shared, *renderer])


def _masked(value: object, mask: Callable[[str], str]) -> object:
    if isinstance(value, bool | int | float | None):
        return value
    text = str(value)
    masked = mask(text)
    return value if masked == text else masked


def _in_order(_: object, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    first = {x: event[x] for x in _FIRST if x in event}
    others = {x: y for x, y in event.items() if x not in first}
    return first | {x: cut(y, MAX_VALUE) if isinstance(y, str) else y for x, y in others.items()}


def _plain(_: object, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Make text of keys and values that cannot hide, end the line, or pass for others."""
    plain: dict[str, Any] = {}
    for key, value in event.items():
        name = "".join(x if x.isprintable() and x not in ' ="' else "_" for x in str(key))
        plain[name] = value if isinstance(value, bool | int | float | None) else _text(value)
    return plain


def _text(value: object) -> str:
    return "\n".join(map(escaped, str(value).strip().split("\n")))
