"""Counts of one output's batches, for metrics: how large they are, and how long they take."""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence

DOCUMENTS = (1, 10, 100, 1_000, 10_000, 100_000)
"""Upper bounds of the sizes of batches; the largest is what the settings allow."""
SECONDS = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0)
"""Upper bounds of how long a call takes: of a local file to that of a server that hangs."""


class Histogram:
    """How many values were at most so large; one thread writes, others may read."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def buckets(self) -> Iterator[tuple[str, int]]:
        """Yield each bound, and how many values were not larger."""
        total = 0
        for bound, number in zip([*map(str, self._bounds), "+Inf"], self._counts, strict=True):
            total += number
            yield bound, total


class Meter:
    """Measures the calls of one output since it was started."""

    def __init__(self) -> None:
        self.documents = Histogram(DOCUMENTS)
        self.seconds = Histogram(SECONDS)
        self.delivered_at: float | None = None  # the last time; seconds since 1970

    def add(self, documents: int, seconds: float, *, delivered: bool) -> None:
        """Count a call that returned."""
        self.documents.add(documents)
        self.seconds.add(seconds)
        if delivered:
            self.delivered_at = time.time()
