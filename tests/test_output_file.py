"""The output ``file``: each document once, whatever happens."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from forwarder.testing import OutputContract


class TestContract(OutputContract):
    """What every output does."""

    type = "file"
    recognises_repeats = True

    @pytest.fixture(autouse=True)
    def _path(self, tmp_path: Path) -> None:
        self.path = tmp_path / "documents" / "auth.ndjson"
        self.path.parent.mkdir()

    def settings(self) -> Mapping[str, object]:
        """Return a path."""
        return {"path": str(self.path)}

    def received(self) -> Iterable[bytes]:
        """Return the lines."""
        return self.path.read_bytes().split(b"\n")[:-1]

    @contextmanager
    def away(self) -> Iterator[None]:
        """Unmount the folder, as it were."""
        hidden = self.path.parent.with_name("hidden")
        self.path.parent.rename(hidden)
        yield
        hidden.rename(self.path.parent)
