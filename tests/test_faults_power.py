"""Power cuts: what was not synced is gone, in part or in whole. Lost 0, doubled 0."""

from pathlib import Path

from tests.faults.power import build_recorder
from tests.faults.power_cuts import Setting, cut, trace

CUTS = 5
"""``make power-cut`` makes 320, over more settings."""
SETTING = Setting(
    "short", ", batch: {max_documents: 100}, rotate: {max_bytes: 500kB}, gzip: true", 200
)


def test_a_power_cut_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """At any point, with small batches, rotation and gzip, which is where most can go wrong."""
    traced = trace(tmp_path, build_recorder(tmp_path), SETTING, seed=5)
    kinds = {x.what for x in traced.events}
    assert kinds == set("owtsrum"), "the recorder misses some kind of call"
    outcomes = [*cut(traced, CUTS, seed=5)]
    assert len(outcomes) == CUTS
    assert [x for x in outcomes if not x.is_whole] == []
