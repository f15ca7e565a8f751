"""What the service tells systemd, where that runs it: sd_notify(3).

READY, RELOADING and STOPPING are where it is, STATUS is how it is, and WATCHDOG that it is alive:
without that, systemd kills it and starts another one, which loses nothing.
"""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from forwarder.app.attention import Finding
from forwarder.text import cut, escaped, many

if TYPE_CHECKING:
    from forwarder.app.status import Observation

_MAX_STATUS = 200  # characters: `systemctl status` shows one line
_OFTEN = 3  # times that it tells to be alive until systemd would kill it


class Systemd:
    """The socket of systemd; without one, nothing is told."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Take the address of the socket from the environment."""
        self._path = environment.get("NOTIFY_SOCKET", "")
        self._watched_seconds = int(environment.get("WATCHDOG_USEC") or 0) / 1_000_000
        self._told = ""
        self._told_alive = 0.0

    @property
    def listens(self) -> bool:
        """Whether there is anything to tell it."""
        return bool(self._path)

    def tell_ready(self) -> None:
        """Tell that it runs, or that it has reloaded."""
        self._tell("READY=1")

    def tell_reloading(self) -> None:
        """Tell that it reads its configuration again; until it is ready."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={now}")

    def tell_stopping(self) -> None:
        """Tell that it ends."""
        self._tell("STOPPING=1")

    def show(self, seen: "Observation") -> None:
        """Tell how it is."""
        said = [Finding(**x).sentence for x in seen.status["attention"]]
        waiting = max(x["waiting"] for x in seen.status["outputs"].values())
        well = f"all is well; {many(waiting, 'document')} waiting"
        more = f" ({len(said) - 1} more)" if len(said) > 1 else ""
        self.tell_status(said[0] + more if said else well)

    def tell_status(self, text: str) -> None:
        """Tell how it is in words, if that has changed."""
        text = cut(escaped(text), _MAX_STATUS)
        if text != self._told:
            self._told = text
            self._tell(f"STATUS={text}")

    def tell_alive(self, at: float) -> None:
        """Tell that it did something at a time of the monotonic clock, unless that is long ago."""
        now, seconds = time.monotonic(), self._watched_seconds
        if now - at < seconds and now - self._told_alive >= seconds / _OFTEN:
            self._told_alive = now
            self._tell("WATCHDOG=1")

    def _tell(self, text: str) -> None:
        if not self._path:
            return
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.setblocking(False)  # noqa: FBT003 - its only argument
            systemd.sendto(text.encode(), address)
