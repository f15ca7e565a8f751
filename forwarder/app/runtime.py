"""One configuration at work: inputs, spool and outputs, each in a thread of its own."""

import threading
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta

import structlog

from forwarder.app.ingest import Ingest
from forwarder.app.saved_state import open_spool
from forwarder.config.load import Config, OutputConfig, mask_of
from forwarder.delivery.backoff import DeliverySettings
from forwarder.delivery.worker import Delivery
from forwarder.inputs.stdin import StandardInput
from forwarder.output import Output
from forwarder.text import many

STOP_WITHIN = timedelta(seconds=8)
"""For all there is to end; whoever sent the signal was promised ten seconds."""

LOOK_SECONDS = 1.0
"""How often it is looked whether an output does not come back from a call."""

_log = structlog.get_logger(__name__)


class Running:
    """One configuration at work."""

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
            standard_input: The one that was read by what ran before, if there was any.

        Raises:
            ForwarderError: It cannot be.
        """
        self.spool = open_spool(config)
        try:
            blocking = [x for x in outputs if config.outputs[x].delivery.when_full == "block"]
            self.spool.add_outputs(outputs, blocking=blocking)
            self.before = {x: self.spool.progress(x) for x in outputs}
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
        """What ended ingest, other than the end."""
        self.losses: list[str] = []
        """What was not read or not delivered when it was stopped, as sentences."""
        self.is_read = threading.Event()
        """Set when ingest has ended."""
        self._thread = threading.Thread(target=self._ingest, name="ingest", daemon=True)
        self._is_over = threading.Event()
        self._lookout = threading.Thread(target=self._look, name="lookout", daemon=True)

    def start(self) -> None:
        """Begin."""
        for delivery in self.deliveries:
            delivery.start()
        self._thread.start()
        self._lookout.start()

    def stop(self) -> bool:
        """End, with everything committed that was read and every batch in hand delivered.

        Returns:
            Whether all ended in time. What hangs is left behind; should it come back, it finds the
            spool closed.
        """
        end = time.monotonic() + STOP_WITHIN.total_seconds()
        for delivery in self.deliveries:
            delivery.ask_to_stop()
        self.ingest.ask_to_stop()
        if self._thread.ident is not None:
            self._thread.join(end - time.monotonic())
        is_reading = self._thread.is_alive()
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
            _log.warning("Reading does not come to an end; it is left behind, and nothing is lost.")
        for name in hanging:
            _log.warning(
                "An output does not come back; it is left behind, and nothing is lost.", output=name
            )
        return not is_reading and not hanging

    def _look(self) -> None:
        """Look for calls of outputs that do not come back, and trim what is left of the spool."""
        while not self._is_over.wait(LOOK_SECONDS):
            for delivery in self.deliveries:
                delivery.watchdog.look()
            while self.spool.tidy() and not self._is_over.is_set():
                pass

    def _ingest(self) -> None:
        try:
            self.ingest.run()
        except Exception as error:  # noqa: BLE001 - the main thread decides
            self.error = error
        finally:
            self.is_read.set()
            for delivery in self.deliveries:
                delivery.expect_no_more()

    @property
    def is_delivered(self) -> bool:
        """Whether every output has had everything, or has stopped for good."""
        return all(x.is_drained or x.error is not None for x in self.deliveries)

    @property
    def achieved(self) -> tuple[int, ...]:
        """How far the outputs are; another value whenever one has taken or refused something."""
        return tuple(x.judged for x in self.deliveries)

    @property
    def waits_for_outputs(self) -> bool:
        """Whether all that is still to be done is for the outputs to do, or for the disk."""
        return self.is_read.is_set() or self.ingest.is_blocked

    def _find_losses(self) -> Iterator[str]:
        if self._once and not self.ingest.is_complete:
            yield "the logs were not read to their end"
        if self.ingest.problems:
            yield f"{many(self.ingest.problems, 'problem')} with the logs; see above"
        if self.spool.was_damaged:
            yield "the spool was damaged and has been replaced; see above"
        for delivery in self.deliveries:
            progress = self.spool.progress(delivery.name)
            before = self.before[delivery.name]
            missing = progress.missing - before.missing
            rejected = progress.rejected - before.rejected
            dropped = progress.dropped.documents if progress.dropped else 0
            dropped -= before.dropped.documents if before.dropped else 0
            waiting = delivery.waiting
            if rejected:
                yield (
                    f"output {delivery.name!r} refused {many(rejected, 'document')};"
                    " see esa-forwarder dead-letters list"
                )
            if missing:
                yield (
                    f"{many(missing, 'document')} for output {delivery.name!r} could not be read"
                    " from the spool; see above"
                )
            if dropped > 0:
                yield (
                    f"{many(dropped, 'document')} dropped for output {delivery.name!r}, because the"
                    " spool was full; see esa-forwarder status"
                )
            if waiting:
                wait = "waits" if waiting == 1 else "wait"
                yield f"{many(waiting, 'document')} still {wait} for output {delivery.name!r}"


def _delivery_settings(output: OutputConfig) -> DeliverySettings:
    batch, retry = output.delivery.batch, output.delivery.retry
    return DeliverySettings(
        max_documents=batch.max_documents,
        max_bytes=batch.max_bytes,
        max_age=batch.max_age,
        initial_pause=retry.initial_pause,
        max_pause=retry.max_pause,
    )
