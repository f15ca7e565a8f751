"""One configuration, running: the spool, the inputs and the outputs, each in a thread of its own.

Outputs are built one after the other, each in a thread of its own: clients share what they import.
What a plugin foresaw (ForwarderError), such as settings that contradict one another, refuses the
configuration. Anything else, and what takes too long, counts as if opening the output did it: its
worker logs it, stops the output or waits for it, and the others go on.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

import structlog

from forwarder.app.ingest import Ingest
from forwarder.app.saved_state import open_spool
from forwarder.config.load import Config, OutputConfig, mask_of
from forwarder.delivery.backoff import DeliverySettings
from forwarder.delivery.worker import Delivery
from forwarder.errors import ForwarderError
from forwarder.events import Document
from forwarder.inputs.stdin import StandardInput
from forwarder.masking import Mask
from forwarder.output import Failure, Output
from forwarder.text import error_text, many, shortened

STOP_WITHIN = timedelta(seconds=8)
"""For everything to end; users are promised ten seconds after a signal."""

LOOK_SECONDS = 1.0
"""How often calls of outputs are looked at that do not return."""

BUILD_WITHIN = timedelta(seconds=3)
"""For which the others wait for one output. To build one connects nowhere; the largest of clients
is imported in a second."""

_BUILD_LOOK_SECONDS = 0.05
"""How often a build looks for a signal."""

_METHODS = ("open", "write", "close")

_log = structlog.get_logger(__name__)


class Runtime:
    """One configuration, running."""

    def __init__(
        self,
        config: Config,
        outputs: Mapping[str, Output],
        *,
        once: bool = False,
        standard_input: StandardInput | None = None,
    ) -> None:
        """Open the spool and prepare everything; nothing is read or delivered yet.

        Args:
            config: What to do.
            outputs: Those of the configuration, by name.
            once: Whether to read to the end and wait for nothing.
            standard_input: The one that was read before, if there was any.
        """
        self.spool = open_spool(config)
        try:
            blocking = [x for x in outputs if config.outputs[x].delivery.when_full == "block"]
            self.spool.add_outputs(outputs, blocking=blocking)
            self._before = {x: self.spool.outputs[x] for x in outputs}
            self.deliveries = [
                Delivery(
                    name,
                    output,
                    self.spool,
                    _delivery_settings(config.outputs[name]),
                    mask=mask_of(config, name),
                )
                for name, output in outputs.items()
            ]
            self.ingest = Ingest(config, self.spool, once=once, standard_input=standard_input)
        except BaseException:
            self.spool.close()
            raise
        self._once = once
        self.error: BaseException | None = None
        """What ended reading, other than its end."""
        self.losses: list[str] = []
        """What was not read or not delivered when it was stopped, as sentences."""
        self.is_read = threading.Event()
        """Set when reading has ended."""
        self._is_over = threading.Event()
        self._reading = threading.Thread(target=self._read, name="ingest", daemon=True)
        self._upkeep = threading.Thread(target=self._look_after, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin to read and to deliver."""
        for delivery in self.deliveries:
            delivery.start()
        self._reading.start()
        self._upkeep.start()

    def stop(self) -> None:
        """End, with everything committed that was read, and every batch in flight delivered.

        What does not return in time is abandoned; should it return, it finds the spool closed.
        """
        end = time.monotonic() + STOP_WITHIN.total_seconds()
        for delivery in self.deliveries:
            delivery.ask_to_stop()
        self.ingest.ask_to_stop()
        if self._reading.ident is not None:
            self._reading.join(end - time.monotonic())
        is_reading = self._reading.is_alive()
        hanging = []
        for delivery in self.deliveries:
            left = timedelta(seconds=max(0.1, end - time.monotonic()))
            if not delivery.stop(left):
                hanging.append(delivery.name)
                delivery.watchdog.abandon()
        self._is_over.set()
        self.losses = list(self._find_losses())
        self.spool.close()
        if is_reading:
            _log.warning("Reading did not stop in time and was abandoned; nothing is lost.")
        for name in hanging:
            _log.warning(
                "Output did not stop in time and was abandoned; its documents stay in the spool.",
                output=name,
            )

    @property
    def is_delivered(self) -> bool:
        """Whether every output has had everything, or has stopped for good."""
        return all(x.is_drained or x.error is not None for x in self.deliveries)

    @property
    def achieved(self) -> tuple[int, ...]:
        """How far the outputs are; it changes when one delivers or rejects something."""
        return tuple(x.judged for x in self.deliveries)

    @property
    def waits_for_outputs(self) -> bool:
        """Whether all that is left to do is for the outputs to do, or for the disk."""
        return self.is_read.is_set() or self.ingest.is_blocked

    def _read(self) -> None:
        try:
            self.ingest.run()
        except Exception as error:  # noqa: BLE001 - the main thread decides
            self.error = error
        finally:
            self.is_read.set()
            for delivery in self.deliveries:
                delivery.expect_no_more()

    def _look_after(self) -> None:
        """Look for calls of outputs that do not return, and trim what is left of the spool."""
        while not self._is_over.wait(LOOK_SECONDS):
            for delivery in self.deliveries:
                delivery.watchdog.look()
            while self.spool.tidy() and not self._is_over.is_set():
                pass

    def _find_losses(self) -> Iterator[str]:
        if self._once and not self.ingest.is_complete:
            yield "the logs were not read to their end"
        if self.ingest.problems:
            yield f"{many(self.ingest.problems, 'problem')} with the logs; see above"
        if self.spool.was_damaged:
            yield "the spool was damaged and has been replaced; see above"
        for delivery in self.deliveries:
            name, waiting = delivery.name, delivery.waiting
            progress, before = self.spool.outputs[name], self._before[name]
            rejected = progress.rejected - before.rejected
            dropped = progress.dropped.documents if progress.dropped else 0
            dropped -= before.dropped.documents if before.dropped else 0
            if rejected:
                yield (
                    f"output {name!r} rejected {many(rejected, 'document')};"
                    " see esa-forwarder dead-letters list"
                )
            if dropped > 0:
                yield (
                    f"{many(dropped, 'document')} dropped for output {name!r}, because the spool"
                    " was full; see esa-forwarder status"
                )
            missing = progress.missing - before.missing
            if missing:
                yield (
                    f"{many(missing, 'document')} for output {name!r} could not be read from the"
                    " spool; see above"
                )
            if waiting:
                wait = "waits" if waiting == 1 else "wait"
                yield f"{many(waiting, 'document')} still {wait} for output {name!r}"


def _delivery_settings(output: OutputConfig) -> DeliverySettings:
    batch, retry = output.delivery.batch, output.delivery.retry
    return DeliverySettings(
        max_documents=batch.max_documents,
        max_bytes=batch.max_bytes,
        max_age=batch.max_age,
        initial_pause=retry.initial_pause,
        max_pause=retry.max_pause,
    )


def build_outputs(
    config: Config, is_ending: Callable[[], bool] = lambda: False
) -> Mapping[str, "LazyOutput"]:
    """Build all outputs of a configuration, by name; those that take long, in the background.

    Raises:
        ForwarderError: One cannot be built, as its plugin foresaw; the message names it.
    """
    built = {}
    for name, output in config.outputs.items():
        built[name] = LazyOutput(output, mask_of(config, name))
        built[name].wait(BUILD_WITHIN, is_ending)
    return built


class LazyOutput:
    """An output that is built, or still being built."""

    def __init__(self, config: OutputConfig, mask: Mask) -> None:
        """Begin to build it; ``mask`` takes secrets out of what the plugin says."""
        self._config = config
        self._mask = mask
        self._output: Output | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._build, name=f"build {config.name}", daemon=True
        )
        self._thread.start()

    def wait(self, within: timedelta, is_ending: Callable[[], bool]) -> None:
        """Wait until it is built, or for so long, or until the program ends."""
        end = time.monotonic() + within.total_seconds()
        while self._thread.is_alive() and time.monotonic() < end and not is_ending():
            self._thread.join(_BUILD_LOOK_SECONDS)
        self._raise_foreseen()

    def open(self) -> None:
        """Wait until it is built, and open it."""
        self._thread.join()
        self._raise_foreseen()
        if self._error is not None:
            raise self._error
        assert self._output is not None  # noqa: S101 - or there were an error
        self._output.open()

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Deliver a batch."""
        assert self._output is not None  # noqa: S101 - it was opened
        return self._output.write(documents)

    def close(self) -> None:
        """Close it, if there is one."""
        if self._output is not None:
            self._output.close()

    def _build(self) -> None:
        try:
            built = self._config.plugin.build(self._config.settings)
            for method in _METHODS:
                if not callable(getattr(built, method, None)):
                    raise TypeError(f"build gave {built!r}, which has no method {method}")  # noqa: TRY301
            self._output = built
        except BaseException as error:  # noqa: BLE001 - whatever it is, the others must go on
            self._error = error

    def _raise_foreseen(self) -> None:
        # Never Unavailable, which would be retried: to open it again builds nothing again.
        if isinstance(self._error, ForwarderError):
            name, kind = self._config.name, self._config.plugin.name
            said = shortened(self._mask(error_text(self._error, whole=True)))
            raise ForwarderError(f"output {name!r} (type {kind}): {said}")
