"""A large spool: start, signals and commands do not wait for its size.

    python -m tests.large_spool [--gigabytes 5] [--dead-letters 1000000]

It makes one, runs the service with an output that is down, sends SIGHUP and SIGTERM, and prints how
long each took. What it made is deleted at the end.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from forwarder.events import Document
from forwarder.output import Failure
from forwarder.spool.dead_letters import dead_letter, store
from forwarder.spool.segments import add_size, compress
from forwarder.spool.spool import Spool

LIMIT_SECONDS = 10.0
"""What a service manager and an operator were promised."""

_MANY = 1 << 50
_AT_ONCE = 5000

CONFIG = """\
state: {folder}/state
spool: {{max_bytes: 100GB}}
dead_letters: {{max_bytes: 100GB}}
inputs:
  - {{type: files, paths: ["{folder}/logs/{{appliance}}/mail*"]}}
outputs:
  siem: {{type: elasticsearch, hosts: ["http://127.0.0.1:9"]}}
"""


def login(number: int) -> Document:
    """Make a document of the size of a login's."""
    body = {
        "number": number,
        "log": {"file": {"path": f"/srv/esa/esa1/mail.{number % 50}"}, "offset": number},
        "text": os.urandom(300).hex(),
        "rest": "of what packs well " * 40,
    }
    return Document(f"{number:032x}", orjson.dumps(body))


def fill(folder: Path, output: str, *, size: int, letters: int) -> None:
    """Make a spool in which much waits for an output.

    Args:
        folder: The state folder.
        output: Its name.
        size: Bytes of blocks.
        letters: Dead letters.
    """
    spool = Spool(folder, max_bytes=_MANY, max_letter_bytes=_MANY)
    with closing(spool):
        spool.add_outputs([output])
        (block,) = compress([login(x) for x in range(300)])
        now = time.time_ns() // 1_000_000
        writer = spool._writer  # noqa: SLF001 - quicker than commits
        number = 0
        while number * len(block.data) < size:
            with writer.transaction(durable=False) as connection:
                for _ in range(100):
                    first = 1 + number * block.documents
                    connection.execute(
                        "INSERT INTO blocks VALUES (?, ?, ?, ?, ?)",
                        (first, block.documents, now, block.checksum, block.data),
                    )
                    number += 1
                add_size(connection, 100 * len(block.data))
        at = datetime.now(UTC)
        rejected = [
            dead_letter(output, Failure(login(x), "failed to parse field [source.ip]"), at)
            for x in range(min(letters, _AT_ONCE))
        ]
        for first in range(0, letters, _AT_ONCE):
            with writer.transaction(durable=False) as connection:
                store(connection, [], rejected[: letters - first])


def main() -> None:
    """Make it, run the service, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=5)
    parser.add_argument("--dead-letters", type=int, default=1_000_000)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="large-spool-") as name:
        folder = Path(name)
        fill(
            folder / "state",
            "siem",
            size=round(options.gigabytes * 1e9),
            letters=options.dead_letters,
        )
        config = folder / "esa.yaml"
        config.write_text(CONFIG.format(folder=folder))
        (folder / "logs" / "esa1").mkdir(parents=True)
        size = (folder / "state" / "spool.db").stat().st_size
        sys.stdout.write(f"spool.db: {size:,} bytes; {options.dead_letters:,} dead letters\n")
        took = [*_try(config)]
    if max(took) > LIMIT_SECONDS:
        sys.exit("too slow")


def _try(config: Path) -> list[float]:
    took = list[float]()

    def timed(what: str, act: Callable[[], object]) -> None:
        began = time.monotonic()
        act()
        took.append(time.monotonic() - began)
        sys.stdout.write(f"{what}: {took[-1]:.2f} s\n")
        sys.stdout.flush()

    command = [str(Path(sys.executable).with_name("esa-forwarder"))]

    def ask(*arguments: str, code: int = 0) -> None:
        done = subprocess.run(  # noqa: S603 - our own
            [*command, *arguments, "-c", str(config)], check=False, stdout=subprocess.DEVNULL
        )
        assert done.returncode == code, arguments

    log = config.with_suffix(".log")
    with log.open("wb") as stderr:
        service = subprocess.Popen(  # noqa: S603 - our own
            [*command, "run", "-c", str(config)], stderr=stderr
        )
        try:
            timed("start", lambda: _wait(log, "The service has begun", 1))
            timed("status", lambda: ask("status", code=1))  # all waits
            timed("dead-letters list", lambda: ask("dead-letters", "list"))
            service.send_signal(signal.SIGHUP)
            timed("SIGHUP", lambda: _wait(log, "The new configuration is in use", 1))
            service.send_signal(signal.SIGTERM)
            timed("SIGTERM", lambda: service.wait(120))
        finally:
            service.kill()
            service.wait()
    sys.stdout.write(log.read_text())
    return took


def _wait(log: Path, words: str, times: int) -> None:
    deadline = time.monotonic() + 600
    while log.read_text().count(words) < times:
        assert time.monotonic() < deadline
        time.sleep(0.01)


if __name__ == "__main__":
    main()
