"""Mail logs made up from a seed, and the truth about them.

Written from the description of the logs alone: nothing here imports the program, so that the two
can disagree. `python -m tests.corpus --help` writes corpora to disk.
"""

from tests.corpus.hostile import hostile
from tests.corpus.many_open import many_open
from tests.corpus.traffic import Stream, storm, traffic
from tests.corpus.truth import Corpus, Expected

__all__ = ["Corpus", "Expected", "Stream", "hostile", "many_open", "storm", "traffic"]
