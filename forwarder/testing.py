"""The tests that every output inherits, ours and others'.

They need pytest: ``pip install '.[testing]'`` in the folder of the program. The author of an
output writes a class that says how to reach the output and how to see what arrived, as
docs/plugins.md shows. Tests that need more of the other side, such as an outage, are skipped unless
the class provides it.
"""

import json
import re
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar

import orjson
import pytest
from pydantic import BaseModel, ValidationError

from forwarder.events import Document
from forwarder.output import Expected, Failure, Output, OutputPlugin, Unavailable
from forwarder.pipeline import LogParser
from forwarder.plugins import find_outputs

PATIENCE = 120
"""Seconds that the other side may take to come back, and threads to end."""

_HOSTILE = (
    "plain",
    "",
    'quote " backslash \\ slash / ',
    "lines\n\r\n\u2028\u0085 tab\t NUL\0",
    "Zoë 名前 \U0001f600 \N{COMBINING ACUTE ACCENT}",
    '{"event": {"id": "0123456789abcdef0123456789abcdef"}}',
    "</script>${jndi:x}%s{}",
    "x" * 30_000,
)
"""What attackers write into user names and subjects."""


_LOGIN = b"""\
Sun Mar  1 00:00:00 2026 Info: Time offset from UTC: 0 seconds
Sun Mar  1 00:00:00 2026 Info: New SMTP ICID 7 interface Data1 (192.0.2.1) address 203.0.113.1
Sun Mar  1 00:00:00 2026 Info: SMTP Auth: (ICID 7) failed for user: u using AUTH mechanism: \
PLAIN with profile: P
"""


def make_documents(count: int, first: int = 0, *, text: str | None = None) -> list[Document]:
    """Make documents as the program makes them: failed logins of one connection.

    Args:
        count: How many.
        first: Number of the first document; a number always gives the same document.
        text: The log line in each document; None for a line of usual length.
    """
    file = LogParser().open("esa1.example.com", "/srv/esa/esa1/mail.current")
    (template,) = [*file.feed(_LOGIN), *file.finish()]
    made = []
    for number in range(first, first + count):
        document = orjson.loads(template)
        event = document["event"]
        document["@timestamp"] = f"2026-03-01T00:{number // 60 % 60:02}:{number % 60:02}.000Z"
        document["log"]["offset"] = number
        event["id"] = blake2b(b"%d" % number, digest_size=16).hexdigest()
        event["original"] = event["original"] if text is None else text
        made.append(Document(event["id"], orjson.dumps(document)))
    return made


class OutputContract(ABC):
    """What every output does. Each test gets its own instance."""

    type: ClassVar[str]
    """The ``type`` in the configuration; the output is installed under this name."""
    keeps_order: ClassVar[bool] = True
    """Whether the other side keeps an order; a folder and an index do not."""
    recognises_repeats: ClassVar[bool] = False
    """Whether the other side recognises a repeated document by its id."""

    @abstractmethod
    def settings(self) -> Mapping[str, object]:
        """Return settings as in the configuration, without ``type``: the same at each call."""

    @abstractmethod
    def received(self) -> Iterable[bytes]:
        """Return the documents on the other side, in the order of arrival."""

    def away(self) -> AbstractContextManager[object]:
        """Make the other side unreachable within the context."""
        pytest.skip("the class does not say how the other side goes away")

    def busy(self) -> AbstractContextManager[object]:
        """Make the other side report that it is overloaded within the context."""
        pytest.skip("the class does not say how the other side is busy")

    def rejecting(self, document: Document) -> AbstractContextManager[object]:  # noqa: ARG002
        """Make the other side reject one document permanently."""
        pytest.skip("the class does not say how a document is rejected")

    # Registration

    def test_its_type_is_a_plain_name(self) -> None:
        """Operators type it."""
        assert re.fullmatch(r"[a-z][a-z0-9_]*", self.plugin().name)

    def test_its_settings_are_accepted(self) -> None:
        """The plugin accepts the settings of this class."""
        self.plugin().config.model_validate(self.settings())

    def test_unknown_settings_are_refused(self) -> None:
        """A typing error is reported: extra="forbid"."""
        with pytest.raises(ValidationError):
            self.plugin().config.model_validate({**self.settings(), "no_such_setting": 1})

    def test_each_setting_has_a_description(self) -> None:
        """``esa-forwarder plugins`` shows it."""
        fields = self.plugin().config.model_fields
        assert [name for name, x in fields.items() if not x.description] == []

    def test_its_check_writes_nothing_and_gives_advice(self) -> None:
        """A finding has a text; a good one has no advice."""
        plugin = self.plugin()
        if plugin.check is None:
            pytest.skip("the output has no check")
        settings = plugin.config.model_validate(self.settings())
        documents = make_documents(1)
        with self.opened() as output:
            deliver(output, documents)
        for expected in (Expected(), Expected("mail", ("esa1.example.com", "ESA 2"))):
            findings = list(plugin.check(settings, expected))
            assert findings, "the check reports nothing"
            assert [x for x in findings if not x.text or (x.good and x.advice)] == []
        self.check_received(documents)

    # Delivery

    def test_documents_arrive_as_they_are(self) -> None:
        """Hostile text is not changed."""
        batch = [x for n, text in enumerate(_HOSTILE) for x in make_documents(1, n, text=text)]
        with self.opened() as output:
            assert list(output.write(batch)) == []
        self.check_received(batch)

    @pytest.mark.parametrize("sizes", [(1,), (1, 2, 500, 1), (5_000,)], ids=str)
    def test_batches_arrive_whole_and_in_order(self, sizes: tuple[int, ...]) -> None:
        """Small and large batches are complete before ``close``."""
        with self.opened() as output:
            first = 0
            for size in sizes:
                assert list(output.write(make_documents(size, first))) == []
                first += size
                self.check_received(make_documents(first))

    def test_it_works_in_any_thread(self) -> None:
        """The program runs each output in a thread of its own."""
        documents = make_documents(3)

        def work() -> None:
            with self.opened() as output:
                output.write(documents)

        with ThreadPoolExecutor(1) as thread:
            thread.submit(work).result()
        self.check_received(documents)

    def test_it_can_be_opened_again(self) -> None:
        """``open`` works after ``close``."""
        documents = make_documents(4)
        output = self.build()
        for start in (0, 2):
            with self.opened(output):
                assert list(output.write(documents[start : start + 2])) == []
        self.check_received(documents)

    def test_it_leaves_nothing_open(self) -> None:
        """Files, sockets and threads are released: the program reopens outputs often."""
        with self.opened() as output:  # what is created once is created now
            output.write(make_documents(1))
        before = _in_use()
        for number in range(1, 4):
            with self.opened() as output:
                output.write(make_documents(1, number))
        wait_until(lambda: _in_use() <= before)

    # Repeated documents

    @pytest.mark.parametrize("sizes", [(15,), (4, 11), (1,) * 15, (10, 5)], ids=str)
    def test_a_batch_is_repeated_after_a_crash(self, sizes: tuple[int, ...]) -> None:
        """The next run begins with it, perhaps cut into other batches; new documents follow."""
        with self.opened() as output:
            output.write(make_documents(10))
        with self.opened() as output:
            first = 0
            for size in sizes:
                assert list(output.write(make_documents(size, first))) == []
                first += size
        self.check_received(make_documents(15), again=make_documents(10))

    # Failures

    def test_it_is_built_without_the_other_side(self) -> None:
        """The program starts while an output is down."""
        with self.away():
            self.build()

    def test_an_unreachable_side_is_unavailable(self) -> None:
        """``open`` or ``write`` reports it, and the output recovers by itself."""
        documents = make_documents(3)
        output = self.build()
        try:
            with self.away():
                assert _says_unavailable(output.open) or _says_unavailable(
                    lambda: output.write(documents)
                )
        finally:
            output.close()
        with self.opened(output):
            deliver(output, documents)
        self.check_received(documents)

    def test_a_lost_side_is_unavailable_until_it_returns(self) -> None:
        """The output recovers without ``close`` and ``open``, and no document is lost."""
        documents = make_documents(9)
        with self.opened() as output:
            output.write(documents[:3])
            with self.away():
                for _ in range(2):
                    assert _says_unavailable(lambda: output.write(documents[3:6]))
            deliver(output, documents[3:6])
            deliver(output, documents[6:])
        self.check_received(documents, again=documents[3:6])

    def test_an_overloaded_side_gets_documents_later(self) -> None:
        """Postponed documents count neither as delivered nor as rejected."""
        documents = make_documents(6)
        with self.opened() as output:
            with self.busy():
                failures: list[Failure] = []
                if not _says_unavailable(lambda: failures.extend(output.write(documents[:3]))):
                    assert [x.document for x in failures if x.retryable] == documents[:3]
            deliver(output, documents)
        self.check_received(documents)

    @pytest.mark.parametrize(("count", "place"), [(10, 0), (10, 5), (10, 9), (1, 0)])
    def test_a_rejected_document_is_named_and_the_others_arrive(
        self, count: int, place: int
    ) -> None:
        """The failure has the reason that the other side gave."""
        documents = make_documents(count)
        rejected = documents[place]
        with self.opened() as output, self.rejecting(rejected):
            failures = deliver(output, documents)
        assert [x.document for x in failures] == [rejected], (
            "another document is reported as rejected"
        )
        assert [x for x in failures if not x.reason] == [], "the failure has no reason"
        self.check_received([x for x in documents if x != rejected])

    # Helpers

    def plugin(self) -> OutputPlugin:
        """Load the plugin as the program does."""
        return find_outputs([self.type])[self.type]

    def build(self) -> Output:
        """Make an output."""
        plugin = self.plugin()
        config: BaseModel = plugin.config.model_validate(self.settings())
        return plugin.build(config)

    @contextmanager
    def opened(self, output: Output | None = None) -> Iterator[Output]:
        """Open an output, and close it however the test ends."""
        output = output or self.build()
        try:
            output.open()
            yield output
        finally:
            output.close()

    def check_received(self, documents: Sequence[Document], again: Sequence[Document] = ()) -> None:
        """Check that each document arrived once, in order; those in ``again`` perhaps twice."""
        bodies = [json.loads(x) for x in self.received()]
        received = [x["event"]["id"] for x in bodies]
        counts = Counter(received)
        most = Counter(x.id for x in documents)
        if not self.recognises_repeats:
            most.update(x.id for x in again)
        assert {x.id for x in documents} - set(counts) == set(), "documents are missing"
        assert counts - most == Counter(), "documents are doubled or invented"
        if self.keeps_order:
            firsts = list(dict.fromkeys(received))
            assert firsts == [x.id for x in documents], "documents are out of order"
        contents = dict(zip(received, bodies, strict=True))
        assert contents == {x.id: json.loads(x.body) for x in documents}


def deliver(output: Output, documents: Sequence[Document]) -> list[Failure]:
    """Write documents as the program does until each is delivered or rejected; return failures."""
    rejected: list[Failure] = []
    deadline = time.monotonic() + PATIENCE
    while documents:
        try:
            failures = output.write(documents)
        except Unavailable as error:
            failures = [Failure(x, str(error), retryable=True) for x in documents]
        assert {x.document.id for x in failures} <= {x.id for x in documents}
        rejected += [x for x in failures if not x.retryable]
        documents = [x.document for x in failures if x.retryable]
        assert time.monotonic() < deadline, failures[0].reason
        if documents:
            time.sleep(0.05)
    return rejected


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _says_unavailable(call: Callable[[], object]) -> bool:
    try:
        call()
    except Unavailable as error:
        said = str(error)
    else:
        return False
    assert said, "Unavailable has no message"
    return True


def _in_use() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) + threading.active_count()
