"""Where documents go: the name of a data stream or an index for each, and the request's body.

A data stream is named after what the document says of itself: type, dataset and namespace. The
names could not be chosen otherwise: the mapping of Elasticsearch takes a document only into the
data stream that it names.

An index is named by a pattern with the time of the event in it, not of the moment. So the same
document always goes to the same index, and its ``_id`` is found there however late it comes again.
A data stream looks for an ``_id`` only in the newest of its indices.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from forwarder import Document, Expected

_PREFIX = "logs-cisco_esa.auth-"  # before the namespace
ANY = f"{_PREFIX}*"  # all data streams of our documents
DEFAULT = f"{_PREFIX}default"  # for a document that does not say it

# Within the text of a value each quotation mark has a backslash before it. So what an attacker
# writes there never looks like a key and its value.
_DATA_STREAM = re.compile(
    rb'"data_stream":\{"type":"([^"\\]+)","dataset":"([^"\\]+)","namespace":"([^"\\]+)"\}'
)
_APPLIANCE = re.compile(rb'"host":\{"name":"((?:[^"\\]|\\.)*)"')
_TIME = re.compile(rb'"@timestamp": ?"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)')

_NOT_IN_NAMESPACE = re.compile(r'[-\\/*?"<>|,#:\s\x00-\x1f]')
_MAX_NAMESPACE_BYTES = 100  # as Elastic has it for the parts of a data stream's name


class Request(NamedTuple):
    """A bulk request for some documents."""

    where: str | None  # where all of them go; None where each line says it
    body: bytes  # NDJSON, with a newline at the end; later compressed


class Targets:
    """Names data streams and indices, and makes requests."""

    def __init__(self, index: str | None = None, *, by_appliance: bool = False) -> None:
        """Use an index pattern as of ``strftime``, or data streams, one an appliance or not."""
        self._index = index
        self._is_fixed = index is not None and "%" not in index
        self._by_appliance = by_appliance
        self._usual: tuple[bytes, str] = (b"", "")
        """How the last document that was looked at names its data stream, and the name."""

    def request(self, documents: Sequence[Document]) -> Request:
        """Make the body of a request."""
        if self._is_fixed:
            return Request(self._index, _join(documents))
        key, name = self._usual
        if key and not [x for x in documents if key not in x.body]:
            return Request(name, _join(documents))  # nearly always
        found = [self.place(x) for x in documents]
        names = {name for name, _ in found}
        if len(names) == 1:
            return Request(names.pop(), _join([x for _, x in found]))
        lines = [
            b'{"create":{"_index":"%b","_id":"%b"}}\n%b\n' % (name.encode(), x.id.encode(), x.body)
            for name, x in found
        ]
        return Request(None, b"".join(lines))

    def place(self, document: Document) -> tuple[str, Document]:
        """Name where a document goes; with a namespace of its own, it says so itself."""
        body = document.body
        if self._index is not None:
            found = _TIME.search(body)
            # Only a document that was damaged by hand has no time.
            time = f"{found[1].decode() if found else '1970-01-01T00:00:00'}+00:00"
            return datetime.fromisoformat(time).strftime(self._index), document
        found = _DATA_STREAM.search(body)
        if found is None:
            return DEFAULT, document
        namespace = found[3]
        if not self._by_appliance:
            self._usual = found[0], b"-".join(found.groups()).decode()
        else:
            appliance = _APPLIANCE.search(body)
            if appliance is not None:
                namespace = sanitise(appliance[1].decode(errors="replace")).encode()
                body = body[: found.start(3)] + namespace + body[found.end(3) :]
                document = Document(document.id, body)
        return b"-".join((found[1], found[2], namespace)).decode(), document

    def expect(self, expected: Expected) -> tuple[str, ...]:
        """Name where documents will go; ANY, or the pattern of indices, where it is not known."""
        if self._index is not None:
            return (pattern_of(self._index),)
        if not self._by_appliance:
            namespaces = {expected.namespace, *expected.own_namespaces}
            return tuple(sorted(_PREFIX + x for x in namespaces))
        return tuple(sorted({_PREFIX + sanitise(x) for x in expected.appliances})) or (ANY,)


def pattern_of(index: str) -> str:
    """Make what fits all indices of a setting ``index``, whatever the time."""
    return re.sub(r"(?:%.)+", "*", index)


def _join(documents: Sequence[Document]) -> bytes:
    chunks: list[bytes] = []
    for id_, body in documents:  # joined all at once: each is copied once
        chunks += (b'{"create":{"_id":"', id_.encode(), b'"}}\n', body, b"\n")
    return b"".join(chunks)


def sanitise(appliance: str) -> str:
    """Make a namespace of the name of an appliance, as ``esa1.example.com``."""
    text = _NOT_IN_NAMESPACE.sub("_", appliance.lower())
    return text.encode()[:_MAX_NAMESPACE_BYTES].decode(errors="ignore") or "default"
