"""Appliances, the command and an output in one folder, and what came of it in the end."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.corpus import Corpus
from tests.faults.appliances import LIVE, Writer
from tests.faults.program import COMMAND, Program, wait_until
from tests.faults.tallies import Tally, compare

QUICK = "batch: {max_age: 50ms}, retry: {initial_pause: 20ms, max_pause: 100ms}"
"""For an output: nothing waits for long."""

CONFIG = """\
state: {folder}/state
inputs:
  - type: files
    paths: ["{folder}/logs/{{appliance}}/mail*"]
outputs:
  archive: {{type: file, path: {folder}/auth.ndjson, {quick}}}
"""


class Scene:
    """What a test of a fault plays in."""

    def __init__(  # noqa: PLR0913 - each has a name
        self,
        folder: Path,
        corpus: Corpus,
        *,
        config: str = CONFIG,
        live: str = LIVE,
        command: Sequence[str] = COMMAND,
        environment: dict[str, str] | None = None,
    ) -> None:
        """Set it up; nothing is written, and nothing runs.

        Args:
            folder: An empty one.
            corpus: What the appliances will write.
            config: With ``{folder}`` and ``{quick}`` in it; all other braces are doubled.
            live: Name of the files that grow.
            command: What to run instead of the command itself.
            environment: Variables for it.
        """
        self.folder = folder
        self.corpus = corpus
        self.output = folder / "auth.ndjson"
        self.configure(config)
        self.program = Program(folder / "esa.yaml", command, environment)
        self._counted: dict[Path, tuple[int, int]] = {}
        self.writers: dict[str, Writer] = {}
        for appliance in dict.fromkeys(x.partition("/")[0] for x in corpus.files):
            files = {
                path.partition("/")[2]: content
                for path, content in corpus.files.items()
                if path.startswith(f"{appliance}/")
            }
            self.writers[appliance] = Writer(folder / "logs" / appliance, files, live)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.program.finish()

    def configure(self, config: str) -> None:
        """Write the configuration."""
        text = config.format(folder=self.folder, quick=QUICK)
        (self.folder / "esa.yaml").write_text(text, "utf-8")

    @property
    def writer(self) -> Writer:
        """The first appliance."""
        return next(iter(self.writers.values()))

    @property
    def written(self) -> int:
        """How many events are in the logs by now."""
        return sum(
            event.offset + len(event.line) < self.writers[event.appliance].sizes[name]
            for event in self.corpus.expected
            for name in [event.path.partition("/")[2]]
        )

    def documents(self, output: Path | None = None) -> list[bytes]:
        """Return what an output has, full files and compressed ones, too."""
        output = output or self.output
        found: list[bytes] = []
        for path in sorted(output.parent.glob(f"{output.name}*")):
            content = path.read_bytes()
            found += (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines()
        return found

    def count(self, output: Path | None = None) -> int:
        """Count the documents in an output that is one file; of that, only what is new is read."""
        output = output or self.output
        size, lines = self._counted.get(output, (0, 0))
        if output.exists():
            with output.open("rb") as file:
                file.seek(size)
                new = file.read()
            self._counted[output] = size + len(new), lines + new.count(b"\n")
        return self._counted.get(output, (0, 0))[1]

    def catch_up(self, output: Path | None = None, documents: int | None = None) -> None:
        """Wait until so many documents are in an output: if not said, all that are in the logs."""
        count = self.written if documents is None else documents
        wait_until(
            lambda: self.count(output) >= count or self.program.has_ended, f"{count} documents"
        )
        assert self.count(output) >= count, self.program.log

    def write_all(self) -> None:
        """Let all appliances write what is left."""
        for writer in self.writers.values():
            writer.grow()
            while not writer.is_last:
                writer.rotate()
                writer.grow()

    def finish(self) -> Tally:
        """Let the command read all there is, and compare the output with the truth."""
        if not self.program.has_ended:
            assert self.program.end() == 0, self.program.log
        assert self.program.once() == 0, self.program.log
        return self.tally()

    def tally(self, output: Path | None = None) -> Tally:
        """Compare an output with the truth, and print the numbers."""
        tally = compare(self.documents(output), self.corpus.expected)
        print(f"{self.folder.name}: {tally.text}")  # noqa: T201 - shown for a test that fails
        return tally

    def assert_whole(self) -> None:
        """Finish, and let nothing be lost, doubled, not joined or wrong."""
        tally = self.finish()
        assert tally.is_whole, f"{tally.text} {tally.wrong[:3]}"
