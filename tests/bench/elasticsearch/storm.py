"""The documents of a storm, made beforehand in the form that each way takes."""

import gzip
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

import orjson

from forwarder.events import Document
from forwarder.spool.spool import Spool
from tests.bench.corpora import Log
from tests.bench.measuring import BenchError
from tests.bench.rows import ours

OUTPUT = "siem"
"""Name of the output for which the spool has them."""

_COMMIT = 2500
"""Documents; about as many are in a megabyte of such a log, which is what one commit has."""
_LEVEL = 1
"""Of gzip; as quick as zlib can."""


class Storm:
    """Documents on disk, in each form."""

    def __init__(self, log: Log, folder: Path, request: int) -> None:
        """Make the documents of a log.

        Args:
            log: In the folder of an appliance.
            folder: For the documents; it is not there yet.
            request: How many are in a body.

        Raises:
            BenchError: They are not those of the log.
        """
        folder.mkdir()
        self.log = log
        self.ndjson = folder / "documents.ndjson"
        """A document a line."""
        with self.ndjson.open("wb") as file:
            subprocess.run(ours(log.path), stdout=file, check=True)  # noqa: S603 - our own command
        documents = list(self._read())
        self.count = len(documents)
        if self.count != log.logins + log.sessions:
            raise BenchError(f"{log.path} gave {self.count} documents, which are not all")
        self.bodies = folder / "bodies"
        """Compressed bodies of bulk requests, a file each."""
        self.bodies.mkdir()
        for number, part in enumerate(_parts(documents, request)):
            lines = [b'{"create":{"_id":"%b"}}\n%b\n' % (x.id.encode(), x.body) for x in part]
            compressed = gzip.compress(b"".join(lines), _LEVEL)
            (self.bodies / f"{number:06}").write_bytes(compressed)
        self.state = folder / "state"
        """A state folder, in whose spool they wait for :data:`OUTPUT`. To be copied."""
        with closing(Spool(self.state)) as spool:
            spool.add_outputs([OUTPUT])
            for part in _parts(documents, _COMMIT):
                spool.commit(part)

    def _read(self) -> Iterator[Document]:
        with self.ndjson.open("rb") as file:
            for line in file:
                yield Document(orjson.loads(line)["event"]["id"], line.rstrip(b"\n"))


def _parts(documents: Sequence[Document], count: int) -> Iterator[Sequence[Document]]:
    left = iter(documents)
    while part := list(islice(left, count)):
        yield part
