"""The output ``stdout``: whole lines, at once, and a clear end when nobody reads."""

from collections.abc import Iterable, Mapping

import pytest

from forwarder.testing import OutputContract


class TestContract(OutputContract):
    """What every output does."""

    type = "stdout"

    @pytest.fixture(autouse=True)
    def _stdout(self, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        self._capture = capfdbinary
        self._received = b""

    def settings(self) -> Mapping[str, object]:
        """It has none."""
        return {}

    def received(self) -> Iterable[bytes]:
        """Return the lines."""
        self._received += self._capture.readouterr().out
        assert self._received.endswith(b"\n") or not self._received
        return self._received.split(b"\n")[:-1]
