"""Building servers: jars from Maven Central, laid out as a distribution has them.

What is built has a name with a hash of all that it was built from. It gets this name when it is
whole, so two builds at once do not harm each other, and one that was interrupted is repeated.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "esa-forwarder"

_SECONDS = 900
"""For one command: at the first time, some 70 MB are fetched."""


class NotToBeHad(Exception):  # noqa: N818 - it is a state of the machine
    """A server cannot be had here; the message says what is missing."""


def build_once(name: str, sources: Path, make: Callable[[Path], None], *salt: str) -> Path:
    """Build something, unless it was built before from the same.

    Args:
        name: Of it.
        sources: Folder with what it is made of.
        make: Makes it in a folder.
        salt: What else it depends on.

    Returns:
        The folder.
    """
    digest = hashlib.sha256("\0".join(salt).encode())
    for path in sorted(x for x in (*sources.rglob("*"), Path(__file__)) if x.is_file()):
        if path.suffix != ".pyc":
            digest.update(path.read_bytes())
    folder = CACHE / f"{name}-{digest.hexdigest()[:12]}"
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=f".{name}-") as made:
        unfinished = Path(made) / "it"
        unfinished.mkdir()
        make(unfinished)
        try:
            unfinished.rename(folder)
        except OSError:  # another process was quicker
            assert folder.exists()
    return folder


def run(command: Sequence[str | Path]) -> None:
    """Run a command, and say what it said if it fails.

    Raises:
        NotToBeHad: It fails.
    """
    result = subprocess.run(  # noqa: S603 - our own commands
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_SECONDS, check=False
    )
    if result.returncode:
        said = result.stdout.decode(errors="replace")[-2000:]
        raise NotToBeHad(f"{' '.join(map(str, command))} fails: {said}")


def find_program(name: str, package: str) -> str:
    """Find a program.

    Raises:
        NotToBeHad: It is not there.
    """
    found = shutil.which(name)
    if found is None:
        raise NotToBeHad(f"there is no {name} (Debian: apt-get install {package})")
    return found


def fetch_jars(pom: Path, folder: Path, **properties: str) -> None:
    """Copy what a list of dependencies names, and what that needs, into a folder."""
    run(
        [
            find_program("mvn", "maven"),
            *("--batch-mode", "--quiet", "--file", pom),
            *(f"-D{key.replace('_', '.')}={value}" for key, value in properties.items()),
            "dependency:copy-dependencies",
            f"-DoutputDirectory={folder}",
        ]
    )


def pip_install(requirements: Path, folder: Path) -> None:
    """Install packages into a folder, by their hashes."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    run([*pip, "--no-deps", "--require-hashes", "--target", folder, "--requirement", requirements])


def compile_java(
    compiler: Sequence[str | Path], sources: Iterable[Path], jars: Iterable[Path], folder: Path
) -> None:
    """Compile sources."""
    path = os.pathsep.join(map(str, jars))
    run([*compiler, "-nowarn", "-classpath", path, "-d", folder, *sources])


def pack(folder: Path, jar: Path) -> None:
    """Make a jar of a folder."""
    with zipfile.ZipFile(jar, "w") as archive:
        for path in sorted(x for x in folder.rglob("*") if x.is_file()):
            archive.write(path, path.relative_to(folder))


def leave_out(jar: Path, unwanted: Callable[[str], bool]) -> None:
    """Take files out of a jar."""
    old = jar.rename(jar.with_suffix(".old"))
    with zipfile.ZipFile(old) as source, zipfile.ZipFile(jar, "w") as archive:
        for entry in source.infolist():
            if not unwanted(entry.filename):
                archive.writestr(entry, source.read(entry))
    old.unlink()


def write_properties(path: Path, properties: Mapping[str, str]) -> None:
    """Write a file of Java properties."""
    path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))


def read_properties(path: Path) -> dict[str, str]:
    """Read a simple one."""
    lines = [x for x in path.read_text().splitlines() if "=" in x and not x.startswith("#")]
    pairs = [x.partition("=") for x in lines]
    return {key.strip(): value.strip() for key, _, value in pairs}
