"""Makes the outputs of a configuration, each in a thread of its own.

What a plugin foresaw (ForwarderError), such as settings that contradict one another, is for whoever
asked for the configuration. Anything else, and what takes too long, becomes what opening the output
comes to: its worker says it, stops it, or waits for it, and the others go on.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from forwarder.config.load import Config, OutputConfig, mask_of
from forwarder.errors import ForwarderError
from forwarder.events import Document
from forwarder.masking import Mask
from forwarder.output import Failure, Output
from forwarder.text import error_text, shortened

MAKE_WITHIN = timedelta(seconds=3)
"""So long the others wait for one. To make an output connects nowhere; the largest of clients is
imported in a second."""

_LOOK_SECONDS = 0.05
"""How often it is looked whether somebody wants to end."""

_METHODS = ("open", "write", "close")


class MadeOutput:
    """An output that is made, or is still being made."""

    def __init__(self, config: OutputConfig, mask: Mask) -> None:
        """Begin to make it.

        Args:
            config: Of the output.
            mask: Takes secrets out of what the plugin says.
        """
        self._config = config
        self._mask = mask
        self._output: Output | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._make, name=f"make {config.name}", daemon=True)
        self._thread.start()

    def wait(self, within: timedelta, is_ending: Callable[[], bool]) -> None:
        """Wait until it is made.

        Args:
            within: How long at most.
            is_ending: Whether nobody wants to wait any more.

        Raises:
            ForwarderError: It cannot be made, as the plugin foresaw.
        """
        end = time.monotonic() + within.total_seconds()
        while self._thread.is_alive() and time.monotonic() < end and not is_ending():
            self._thread.join(_LOOK_SECONDS)
        if isinstance(self._error, ForwarderError):
            raise self._foreseen(self._error)

    def open(self) -> None:
        """Wait until it is made, and open it.

        Raises:
            BaseException: What the plugin raises, now or before.
        """
        self._thread.join()
        if isinstance(self._error, ForwarderError):  # too late for whoever asked for it
            raise self._foreseen(self._error)
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

    def _make(self) -> None:
        try:
            made = self._config.plugin.build(self._config.settings)
            for method in _METHODS:
                if not callable(getattr(made, method, None)):
                    raise TypeError(f"build gave {made!r}, which has no method {method}")  # noqa: TRY301
            self._output = made
        except BaseException as error:  # noqa: BLE001 - whatever it is, the others must go on
            self._error = error

    def _foreseen(self, error: ForwarderError) -> ForwarderError:
        # Never Unavailable, which would be waited for: to open it again makes nothing anew.
        name, kind = self._config.name, self._config.plugin.name
        said = shortened(self._mask(error_text(error, whole=True)))
        return ForwarderError(f"output {name!r} (type {kind}): {said}")


def make_outputs(
    config: Config, is_ending: Callable[[], bool] = lambda: False
) -> Mapping[str, MadeOutput]:
    """Make all outputs of a configuration, one after the other: clients share what they import.

    Args:
        config: Without mistakes.
        is_ending: Whether nobody wants to wait for those that take long.

    Returns:
        By name. Those that are not made in time are made in the background.

    Raises:
        ForwarderError: One cannot be made, as its plugin foresaw; the message names it.
    """
    made = {}
    for name, output in config.outputs.items():
        made[name] = MadeOutput(output, mask_of(config, name))
        made[name].wait(MAKE_WITHIN, is_ending)
    return made
