"""What a file is by its first bytes."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from forwarder.inputs.block_reader import HEAD_BYTES, is_too_short, refusal

LINE = b"Wed Apr 22 11:43:59 2009 Info: ICID 1 close\n"


def archive(form: int, *, name: str = "esa1/mail.log") -> bytes:
    """Make a tar archive of a log."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as tar:
        member = tarfile.TarInfo(name)
        member.size = len(LINE)
        tar.addfile(member, io.BytesIO(LINE))
    return file.getvalue()


def zipped() -> bytes:
    """Make a zip archive that compresses nothing, so that lines are there as they were."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archived:
        archived.writestr("mail.log", LINE)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(archive(tarfile.USTAR_FORMAT), "is a tar archive", id="tar of POSIX"),
        pytest.param(archive(tarfile.GNU_FORMAT), "is a tar archive", id="tar of GNU"),
        pytest.param(archive(tarfile.PAX_FORMAT, name="é" * 60), "is a tar archive", id="pax"),
        pytest.param(archive(tarfile.GNU_FORMAT, name="x" * 200), "is a tar archive", id="long"),
        pytest.param(zipped(), "is a zip archive", id="zip"),
        pytest.param(b"7z\xbc\xaf\x27\x1c\0\4", "is a 7z archive", id="7z"),
        pytest.param(b"Rar!\x1a\x07\x01\0", "is a RAR archive", id="RAR"),
        pytest.param(lzma.compress(LINE), "is compressed with xz", id="xz"),
        pytest.param(bz2.compress(LINE), "is compressed with bzip2", id="bzip2"),
        pytest.param(b"\x28\xb5\x2f\xfd\x20\0\1\0\0", "is compressed with zstd", id="zstd"),
        pytest.param(LINE.decode().encode("utf-16"), "is in UTF-16", id="UTF-16"),
        pytest.param("\ufeff".encode("utf-16-be") + b"\0W", "is in UTF-16", id="UTF-16 BE"),
    ],
)
def test_what_is_no_log_is_named(content: bytes, expected: str) -> None:
    """By what it is, and the command that makes logs of it."""
    reason = refusal(content[:HEAD_BYTES])
    assert reason is not None
    assert reason.startswith(expected)
    assert "FILE" in reason


def test_a_refusal_says_what_to_do() -> None:
    """It is the rest of a sentence."""
    assert refusal(archive(tarfile.GNU_FORMAT)) == (
        "is a tar archive, and only plain text and gzip are read; first run: mkdir FOLDER &&"
        " tar -xf FILE -C FOLDER"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        LINE * 20,
        LINE * 5 + b"ustar  " + LINE * 20,
        LINE[:40] + b"ustar".rjust(222) + LINE * 20,
        bytes(1024),
        gzip.compress(LINE, mtime=0),
    ],
)
def test_what_may_be_a_log_is_not_refused(content: bytes) -> None:
    """Whatever words strangers put into it; a header of tar has NULs before its magic."""
    assert refusal(content[:HEAD_BYTES]) is None


@pytest.mark.parametrize(
    ("head", "expected"),
    [(b"", True), (b"\x1f", True), (b"PK\x03", True), (b"PK\x03\x04", False), (b"Wed", False)],
)
def test_a_head_may_be_too_short(head: bytes, expected: bool) -> None:  # noqa: FBT001 - a table
    """As long as more bytes could make it something else."""
    assert is_too_short(head) is expected
