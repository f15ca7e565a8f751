"""What a file is by its first bytes, whatever its name says.

Plain text and gzip are read. A file that is compressed otherwise, or is in UTF-16, would look like
a log without logins, and the members of an archive would be read as if they were one log of one
appliance: all are refused by name, with the command that helps.

Pure: bytes in, words out.
"""

import re

from forwarder.inputs.unpacking import GZIP_MAGIC

HEAD_BYTES = 512
"""Enough to know any of them: the header of the first member of a tar archive."""

_COMPRESSED = (
    (b"\x28\xb5\x2f\xfd", "zstd", "zstdcat"),
    (b"\xfd7zXZ\x00", "xz", "xzcat"),
    (b"BZh", "bzip2", "bzcat"),
)
_ARCHIVES = (
    (b"PK\x03\x04", "zip", "unzip FILE -d FOLDER"),
    (b"7z\xbc\xaf\x27\x1c", "7z", "7z x FILE -oFOLDER"),
    (b"Rar!\x1a\x07", "RAR", "unrar x FILE FOLDER/"),
)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""Its byte order marks. Notepad and PowerShell write it; an appliance never does."""
_UNTAR = "mkdir FOLDER && tar -xf FILE -C FOLDER"

_REFUSED = (*_UTF_16, *(magic for magic, _, _ in (*_COMPRESSED, *_ARCHIVES)))
MAGICS = (GZIP_MAGIC, *(magic for magic, _, _ in (*_COMPRESSED, *_ARCHIVES)))
_LONGEST = max(map(len, MAGICS))

# tar has no magic number that all of its forms have (POSIX, GNU and what was before them): each
# member's header has a checksum, in octal digits, of its 512 bytes with blanks in its own place.
_CHECKSUM = slice(148, 156)
_OCTAL = re.compile(rb" *([0-7]{1,7})[\0 ]")


def refusal(head: bytes) -> str | None:
    """Say why a file is not read, as what follows its name in a sentence.

    Args:
        head: Its first :data:`HEAD_BYTES`, or all if it is shorter; unpacked if it is gzip.

    Returns:
        What it is, and how to unpack it; None if it may be a log.
    """
    if _is_tar(head):
        return _archive("tar", _UNTAR)
    if not head.startswith(_REFUSED):
        return None
    if head.startswith(_UTF_16):
        return (
            "is in UTF-16, and only ASCII and UTF-8 are read here; convert it first:"
            " iconv -f UTF-16 -t UTF-8 FILE > LOG"
        )
    for magic, name, command in _ARCHIVES:
        if head.startswith(magic):
            return _archive(name, command)
    for magic, name, command in _COMPRESSED:
        if head.startswith(magic):
            return (
                f"is compressed with {name}, and only gzip is read here; decompress it first:"
                f" {command} FILE > LOG"
            )
    return None


def is_too_short(head: bytes) -> bool:
    """Say whether the first bytes are too few to know whether they are packed."""
    return len(head) < _LONGEST and any(
        len(magic) > len(head) and magic.startswith(head) for magic in MAGICS
    )


def _archive(name: str, command: str) -> str:
    return (
        f"is a {name} archive, and archives are not read, because each of their files is a log of"
        f" its own; unpack it into a folder first: {command}"
    )


def _is_tar(head: bytes) -> bool:
    """Say whether a file begins with the header of a member of a tar archive.

    Lines of a log have no NUL in them, so no user name of a stranger makes a log an archive.
    """
    if len(head) < HEAD_BYTES or b"\0" not in head[:HEAD_BYTES]:
        return False
    field = head[_CHECKSUM]
    digits = _OCTAL.match(field)
    unsigned = sum(head[:HEAD_BYTES]) - sum(field) + len(field) * ord(" ")
    return digits is not None and int(digits[1], 8) == unsigned
