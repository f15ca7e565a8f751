"""The inputs that outlive a reload of the configuration: standard input and sockets."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import structlog

from forwarder.config.load import Config, syslog_listeners
from forwarder.config.models import StdinSettings
from forwarder.inputs.chunk import Chunk
from forwarder.inputs.stdin import KEY as STDIN_KEY
from forwarder.inputs.stdin import StandardInput
from forwarder.inputs.syslog.address import ListenerCounts
from forwarder.inputs.syslog.inbox import PREFIX as SYSLOG_PREFIX
from forwarder.spool.spool import Spool

if TYPE_CHECKING:
    from forwarder.inputs.syslog.receiver import Receiver

_log = structlog.get_logger(__name__)


class LiveInputs:
    """The inputs of which nothing can be read again; what is not in documents stays with them."""

    def __init__(self) -> None:
        self.stdin: StandardInput | None = None
        self.syslog: Receiver | None = None

    def open(self, config: Config, spool: Spool, *, once: bool) -> None:
        """Open those of a configuration, or go on with them; close those that it has no more."""
        listeners = syslog_listeners(config.inputs)
        if listeners and once:
            _log.warning("Syslog inputs are not opened with --once: they have no end.")
        elif listeners:
            # It needs asyncio and TLS, which take time and memory.
            from forwarder.inputs.syslog.receiver import Receiver  # noqa: PLC0415

            self.syslog = self.syslog or Receiver(spool.iter_state(SYSLOG_PREFIX))
            self.syslog.listen(listeners)
            self.syslog.rewind()
        else:
            self.close()
        before, self.stdin = self.stdin, None
        for number, settings in enumerate(config.inputs):
            if isinstance(settings, StdinSettings):
                appliance, named = settings.appliance or "unknown", settings.appliance is not None
                self.stdin = before or StandardInput(appliance)
                self.stdin.reopen(appliance, named=named, input_number=number)

    @property
    def sources(self) -> "list[StandardInput | Receiver]":
        """Those that are open."""
        return [x for x in (self.stdin, self.syslog) if x is not None]

    @property
    def counts(self) -> Mapping[str, ListenerCounts]:
        """What sockets have received so far, by their addresses."""
        return {} if self.syslog is None else self.syslog.counts

    def settle(self, *, reloads: bool) -> Iterator[Chunk]:
        """Return the last chunks; at the end of the service, sockets take no more."""
        if self.stdin is not None:
            yield from self.stdin.settle()
        if self.syslog is not None:
            yield from self.syslog.read(0) if reloads else self.syslog.drain()

    def save(self, consumed: Mapping[str, tuple[int, bytes]]) -> Iterable[tuple[str, bytes | None]]:
        """Note up to where all is in documents; return what to commit with them."""
        if self.stdin is not None and STDIN_KEY in consumed:
            self.stdin.save(*consumed[STDIN_KEY])
        return () if self.syslog is None else self.syslog.save(consumed)

    def close(self) -> None:
        """Close all sockets; does nothing where they are closed."""
        if self.syslog is not None:
            self.syslog.close()
            self.syslog = None
