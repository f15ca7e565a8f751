"""Power cuts on a real ext4: its image is copied while the service works, as a disk would have it.

The service stands still for each copy, so a copy is of one moment: it has what the file system has
written by then, and nothing of what is only in memory. Mounting a copy replays its journal, as
after a power cut. Now and then the mark is synced from outside, as the system does by itself after
half a minute.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.corpus import hostile
from tests.corpus.world import seeded
from tests.faults.power_cuts import (
    Outcome,
    Setting,
    Trace,
    compare,
    configure,
    parsed_ids,
    run_once,
    starting,
    write,
)

_IMAGE_BYTES = 400 << 20
_MARK = "out/.auth.ndjson.mark"


def is_possible() -> bool:
    """Say whether images can be mounted here."""
    tools = all(map(shutil.which, ("mkfs.ext4", "mount", "umount")))
    return tools and os.geteuid() == 0 and Path("/dev/loop-control").exists()


def cut_on_ext4(folder: Path, setting: Setting, count: int, seed: int) -> Iterator[Outcome]:
    """Let the power fail so often while the service works, and yield what came of it."""
    chance = seeded(seed, f"ext4 {setting.name}")
    corpus = hostile(seed, connections=setting.connections, appliances=2)
    logs, image, copies = folder / "logs", folder / "image", list[Path]()
    write(logs, corpus, list(corpus.files))
    with image.open("wb") as file:
        file.truncate(_IMAGE_BYTES)
    _do("mkfs.ext4", "-q", "-F", str(image))
    with _mounted(image, folder / "disk") as disk:
        (disk / "out").mkdir()
        os.sync()
        with starting(configure(folder, disk, logs, setting)) as process:
            while process.poll() is None and len(copies) < count:
                time.sleep(chance.uniform(0.0, 0.1))
                if not (disk / _MARK).exists():
                    continue
                process.send_signal(signal.SIGSTOP)
                if chance.random() < 0.5:
                    _sync(disk / _MARK)
                copies.append(folder / f"copy-{len(copies)}")
                _do("cp", "--sparse=always", str(image), str(copies[-1]))
                process.send_signal(signal.SIGCONT)
    made = Trace(setting, folder, (), parsed_ids(logs))
    for number, copy in enumerate(copies):
        place = folder / f"config-{number}"
        place.mkdir()
        with _mounted(copy, folder / f"mounted-{number}") as disk:
            ended = run_once(configure(place, disk, logs, setting), {})
            yield compare(made, disk, number, "ext4", ended)
        copy.unlink()


def _sync(path: Path) -> None:
    with suppress(FileNotFoundError), path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _mounted(image: Path, folder: Path) -> Iterator[Path]:
    folder.mkdir()
    _do("mount", "-o", "loop", str(image), str(folder))
    try:
        yield folder
    finally:
        _do("umount", "--lazy", str(folder))


def _do(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603 - nothing of strangers
