"""A hash of all documents of a corpus, for other processes: `-m tests.truth_digest 5`."""

import hashlib
import sys

from tests.corpus import hostile
from tests.truth_check import documents_of


def digest(seed: int) -> str:
    """Return the hash of the documents that a seed gives."""
    return hashlib.sha256(b"\n".join(documents_of(hostile(seed, connections=120)))).hexdigest()


if __name__ == "__main__":
    sys.stdout.write(digest(int(sys.argv[1])) + "\n")
