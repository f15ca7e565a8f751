"""What the outputs of bulk requests have in common: the tests that both of them inherit."""

import gc
import json
import logging
import random
import threading
import tracemalloc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from forwarder_bulk.transport import MAX_BYTES, compress
from structlog.testing import capture_logs

from forwarder.delivery.retries import DeliverySettings
from forwarder.delivery.worker import Delivery
from forwarder.events import Document
from forwarder.output import Output, Unavailable
from forwarder.testing import OutputContract, deliver, make_documents, wait_until
from tests.bulk_server import (
    DEEP_LIST,
    DEEP_MAPPING,
    Answer,
    Asked,
    BulkServer,
    Item,
    encode,
    error,
)
from tests.spooling import opened, wait_until_drained


def item_error(status: int, type_: str, reason: str = "because", **more: object) -> Item:
    """Make what is answered for one document."""
    return {"status": status, "error": {"type": type_, "reason": reason}, **more}


MAPPING = item_error(
    400,
    "document_parsing_exception",
    "[1:22] failed to parse field [source.ip] of type [ip]",
    failure_store="not_enabled",
)

ITEMS: list[tuple[Item, str]] = [
    ({"status": 200}, "delivered"),
    ({"status": 201}, "delivered"),
    (item_error(409, "version_conflict_engine_exception"), "delivered"),
    ({"status": 201, "failure_store": "not_applicable_or_unknown"}, "delivered"),
    ({"status": 201, "failure_store": "used"}, "rejected"),
    ({"status": 201, "failure_store": "failed"}, "rejected"),
    (item_error(400, "document_parsing_exception", failure_store="failed"), "rejected"),
    (MAPPING, "rejected"),
    (item_error(400, "illegal_argument_exception", "data stream timestamp"), "rejected"),
    (item_error(413, "too_large"), "rejected"),
    (item_error(422, "whatever"), "rejected"),
    (item_error(400, "index_closed_exception"), "later"),
    (item_error(400, "illegal_argument_exception", "pipeline with id [x] does not"), "later"),
    (
        item_error(400, "validation_exception", "Validation Failed: 1: this action would add"),
        "later",
    ),
    (item_error(401, "security_exception"), "later"),
    (item_error(403, "security_exception", "action [..] is unauthorized"), "later"),
    (item_error(404, "index_not_found_exception", "no such index"), "later"),
    (item_error(429, "es_rejected_execution_exception"), "later"),
    (item_error(429, "es_rejected_execution_exception", failure_store="failed"), "later"),
    (item_error(429, "cluster_block_exception", "disk usage exceeded"), "later"),
    (item_error(500, "internal_error"), "later"),
    (item_error(503, "unavailable_shards_exception"), "later"),
    ({"status": 7}, "later"),
    ({"error": "of no form"}, "later"),
    *[({"status": x}, "later") for x in (0, 99, 101, 199, 600, 999, 1000, 10**30)],
    ({"status": True}, "later"),
    ({"status": -1}, "later"),
    ({"status": 2.5}, "later"),
    ({"status": "201"}, "later"),
    ({"status": None}, "later"),
    ({"status": [201]}, "later"),
    ({"status": DEEP_LIST}, "later"),
]
"""Each row of the table for items."""

WHOLE: list[tuple[Answer, str]] = [
    (
        Answer(301, b"", {"Location": "https://elsewhere.example.com/"}),
        "redirects are not followed: name the server itself in hosts",
    ),
    (Answer(304, b""), "name the server itself in hosts"),
    (error(400, "media_type_header_exception"), "too old, or too new"),
    (error(400, "illegal_argument_exception", "contains unrecognized parameter"), "too old"),
    (Answer(400, b"<html>"), "proxies between here"),
    (Answer(400, b"<html>The plain HTTP request was sent to HTTPS port"), "TLS; use https://"),
    (Answer(400, b"Client sent an HTTP request to an HTTPS server.\n"), "TLS; use https://"),
    (error(401, "security_exception", "unable to authenticate"), "API key or a password"),
    (error(403, "security_exception", "is unauthorized"), "create_doc"),
    (error(403, "cluster_block_exception", "blocked by: [FORBIDDEN/6/cluster read-only"), "blocks"),
    (error(404, "index_not_found_exception"), "right server"),
    (Answer(404, b"<html>nginx"), "right server"),
    (Answer(405, b""), "proxies between here"),
    (Answer(407, b""), "proxy"),
    (error(429, "circuit_breaking_exception"), "busy"),
    (Answer(500, b"oops"), "health of the server"),
    (Answer(502, b"<html>"), "health of the server"),
    (error(503, "cluster_block_exception", "no master"), "health of the server"),
    (Answer(504, b""), "health of the server"),
    (Answer(503, b"oops", {"Content-Type": "no such thing"}), "health of the server"),
    *[(Answer(x, b""), "proxies between here") for x in (101, 102, 103, 199, 600, 777, 999)],
]
"""Each row of the table for whole replies that say to wait."""


ODD: list[object] = [
    DEEP_LIST,
    DEEP_MAPPING,
    [[["because"]]],
    ["es_rejected_execution_exception"],
    {"reason": {"reason": "because"}},
    17,
    1e300,
    True,
]
"""What may stand where a server has words, and is none."""


_CHUNKED, _ITEM = b"Transfer-Encoding: chunked", b'{"items":[{"create":%b}]}'
HEADS: list[tuple[bytes, bytes, bytes]] = [
    *[(x, b"", b"{}") for x in (b"099", b"000 x", b"2O0", b"-1", b"1000", b"", b"204", b"304")],
    *[(b"200", _CHUNKED, x) for x in (b"zz\r\n", b"-5\r\nabc", b"f" * 100 + b"\r\n")],
    *[
        (b"200", b"Content-Length: " + x, b"{}")
        for x in (b"x", b"-5", b"9" * 5000, b"5\r\nContent-Length: 7")
    ],
    *[
        (b"200", b"Content-Encoding: " + x, b"no")
        for x in (b"gzip", b"br", b"zstd", b"deflate", b"gzip, " * 50, b"\xff")
    ],
    *[
        (b"200", b"Content-Type: " + x, b"{}")
        for x in (
            b"\xff;;=;charset=\xff",
            b"a/b; charset=no-such",
            b"a/vnd.x+json;compatible-with=z",
        )
    ],
    *[
        (b"429", b"Retry-After: " + x, b"")
        for x in (
            b"\xb2",
            b",",
            b" ",
            b"1" * 5000,
            b"Mon, 99 Foo 99999 99:99:99 GMT",
            b"Mon, 01 Jan 0001 00:00:00 +9999",
            b"31 Dec 9999 23:59:59 -9999",
        )
    ],
    *[(b"302", b"Location: " + x, b"") for x in (b"\xff", b"http://[::1", b"", b"//x:99999999/")],
    (b"200", b"\r\n".join(b"a%d: b" % x for x in range(500)), b"{}"),
    (b"200", b"a: " + b"x" * 100_000, b"{}"),
    (b"200", b"no colon", b"{}"),
    *[
        (b"200", b"", x)
        for x in (b"\xef\xbb\xbf{}", "{}".encode("utf-16"), _ITEM % b"[]", _ITEM % b"null")
    ],
    *[(b"200", b"", _ITEM % (b'{"status":%b}' % x)) for x in (b"NaN", b"1e999", b"9" * 5000)],
    *[(b"200", b"", b'{"items":%b}' % x) for x in (b"[null]", b'{"a":1}', b"7", b"[[[]]]")],
    (b"200", b"", b'{"items":[%b]}' % (b"[" * 1000 + b"]" * 1000)),
]
"""Status, further lines of a head, and a body, of what no server of ours answers."""


class BulkOutput(OutputContract):
    """What an output of bulk requests does."""

    keeps_order = False
    recognises_repeats = True
    product: str | None
    default = "logs-cisco_esa.auth-default"

    @pytest.fixture(autouse=True)
    def _server(self) -> Iterator[None]:
        self.server = BulkServer(product=self.product)
        yield
        self.server.released.set()
        self.server.stop()

    def settings(self) -> Mapping[str, object]:
        """Say where the server is."""
        return {"hosts": [self.server.url]}

    def received(self) -> Iterable[bytes]:
        """Return what it has."""
        return self.server.documents.values()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Make it go."""
        with self.server.away():
            yield

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Make it have no time."""
        with self.server.answering(error(429, "es_rejected_execution_exception")):
            yield

    @contextmanager
    def rejecting(self, document: Document) -> Iterator[None]:
        """Make it reject a document."""
        self.server.items[document.id] = MAPPING
        yield
        self.server.items.clear()

    @contextmanager
    def having(self, **settings: object) -> Iterator[Output]:
        """Open an output with settings of its own."""
        plugin = self.plugin()
        config = plugin.config.model_validate({**self.settings(), **settings})
        with self.opened(plugin.build(config)) as output:
            yield output

    # On the wire

    def test_documents_go_as_they_are(self) -> None:
        """Byte by byte, compressed, with create and their ids; nothing else is asked before."""
        documents = make_documents(3, text='é "\\ 名')
        with self.having() as output:
            assert list(output.write(documents)) == []
        (asked,) = self.server.asked
        lines = [x for y in documents for x in (b'{"create":{"_id":"%b"}}' % y.id.encode(), y.body)]
        assert asked.body == b"".join(x + b"\n" for x in lines)
        assert asked.path == f"/{self.default}/_bulk"
        assert asked.headers["content-encoding"] == "gzip"
        assert asked.raw == compress(asked.body), "it was compressed by another one, slowly"
        assert "x-ndjson" in asked.headers["content-type"]

    def test_the_name_comes_from_the_document(self) -> None:
        """Type, dataset and namespace; several of them in one request."""
        documents = [placed(n, name) for n, name in enumerate(["default", "rome", "rome"])]
        with self.having() as output:
            output.write(documents)
        assert [x for x, _ in self.server.documents] == [
            "logs-cisco_esa.auth-default",
            "logs-cisco_esa.auth-rome",
            "logs-cisco_esa.auth-rome",
        ]
        (asked,) = self.server.bulks
        assert asked.path == "/_bulk"

    def test_a_namespace_for_each_appliance(self) -> None:
        """In the name and in the document, without what a name must not have."""
        documents = [
            placed(0, appliance="ESA-1.example.com"),
            placed(1, appliance="esa2.example.com"),
        ]
        with self.having(namespace_by_appliance=True) as output:
            output.write(documents)
        assert [
            (index, json.loads(body)["data_stream"]["namespace"])
            for (index, _), body in self.server.documents.items()
        ] == [
            ("logs-cisco_esa.auth-esa_1.example.com", "esa_1.example.com"),
            ("logs-cisco_esa.auth-esa2.example.com", "esa2.example.com"),
        ]

    def test_an_index_by_the_time_of_the_event(self) -> None:
        """Not of the moment: what comes again later goes to the same one."""
        with self.having(index="esa-%Y.%m", pipeline="geo ip") as output:
            output.write(make_documents(2))
        assert {x for x, _ in self.server.documents} == {"esa-2026.03"}
        (asked,) = self.server.bulks
        assert asked.path == "/esa-2026.03/_bulk"
        assert asked.query["pipeline"] == ["geo ip"]
        assert "require_data_stream" not in asked.query

    def test_two_requests_are_on_their_way_at_once(self) -> None:
        """Both are final before write comes back."""
        self.server.released.clear()
        documents = make_documents(1000)
        with self.having() as output:
            release = _later(lambda: self.server.at_once == 2, self.server.released.set)
            assert list(output.write(documents)) == []
            release.join()
        assert [len(x.body.splitlines()) for x in self.server.bulks] == [1000, 1000]
        assert self.server.at_once == 2

    def test_a_few_documents_are_one_request(self) -> None:
        """Each request has a price."""
        with self.having(workers=8) as output:
            output.write(make_documents(200))
        assert len(self.server.bulks) == 1

    # What a reply means

    @pytest.mark.parametrize(("item", "meaning"), ITEMS, ids=lambda x: json.dumps(x)[:60])
    def test_what_an_item_means(self, item: Item, meaning: str) -> None:
        """For its document, and for no other."""
        documents = make_documents(5)
        self.server.items[documents[3].id] = item
        with self.having() as output:
            failures = list(output.write(documents))
        assert len(self.server.documents) == 4
        if meaning == "delivered":
            assert failures == []
            return
        (failure,) = failures
        assert failure.document == documents[3]
        assert failure.retryable == (meaning == "later")
        status = item.get("status")
        assert failure.status == (status if type(status) is int and 0 <= status < 1000 else 0)
        assert self.server.url in failure.reason
        assert str(failure.status) in failure.reason
        if isinstance(item.get("error"), dict):
            assert f"{item['error']['type']}: {item['error']['reason']}" in failure.reason
        assert "; " in failure.reason, "it does not tell what to do"

    @pytest.mark.parametrize("place", ["type", "error"])
    def test_an_item_with_something_else_than_words(self, place: str) -> None:
        """Whatever answers is not itself: nothing is concluded, and the document comes again."""
        self.server.filters = False
        with self.having() as output:
            for number, (odd, status) in enumerate(product(ODD, [400, 429])):
                (document,) = make_documents(1, number)
                item = item_error(status, "a", "b")
                (item["error"] if place == "type" else item)[place] = odd
                self.server.items[document.id] = item
                said = _put_off(output, document)
                assert f"{self.server.url} answers {status} for a document" in said, odd
                assert len(said) < 300
                self.server.items.clear()
                assert list(output.write([document])) == []

    @pytest.mark.parametrize("place", ["type", "error", "all"])
    def test_an_error_with_something_else_than_words(self, place: str) -> None:
        """Its status is all that is known."""
        with self.having() as output:
            for number, (odd, status) in enumerate(product(ODD, [400, 401, 413, 429, 503])):
                (document,) = make_documents(1, number)
                answer = self._odd(status, place, odd)
                with self.server.answering(answer):
                    if status == 413:  # the only document of a request is too large
                        (failure,) = output.write([document])
                        said = failure.reason
                    else:
                        said = _put_off(output, document)
                assert f"answers {status}" in said, odd
                assert len(said) < 600
                assert list(output.write([document])) == []

    @staticmethod
    def _odd(status: int, place: str, odd: object) -> Answer:
        if place == "all":
            return Answer(status, encode(odd))
        answer = error(status, "a", "b")
        assert isinstance(answer.body, dict)
        (answer.body if place == "error" else answer.body["error"])[place] = odd
        return answer

    @pytest.mark.parametrize(("answer", "advice"), WHOLE, ids=lambda x: str(x)[:60])
    def test_what_a_whole_reply_means(self, answer: Answer, advice: str) -> None:
        """It is waited for, and everything comes again."""
        documents = make_documents(5)
        with self.having() as output:
            with self.server.answering(answer), pytest.raises(Unavailable) as raised:
                output.write(documents)
            deliver(output, documents)
        said = str(raised.value)
        assert f"{self.server.url} answers {answer.status}" in said
        assert advice in said
        if isinstance(answer.body, dict):
            assert answer.body["error"]["type"] in said
            assert answer.body["error"]["reason"] in said
        self.check_received(documents)

    def test_the_cause_of_an_error_is_told(self) -> None:
        """It tends to say more than the error."""
        (document,) = make_documents(1)
        item = item_error(400, "document_parsing_exception", "failed to parse")
        item["error"]["caused_by"] = {"type": "illegal", "reason": "'x' is not an IP"}
        self.server.items[document.id] = item
        with self.having() as output:
            (failure,) = output.write([document])
        assert "failed to parse (illegal: 'x' is not an IP)" in failure.reason

    def test_nothing_is_sent_that_is_not_read(self) -> None:
        """Of the errors of a server, of which there may be one for each document."""
        (document,) = make_documents(1)
        item = item_error(400, "document_parsing_exception", "failed to parse")
        cause = {"type": "illegal", "reason": "no IP", "caused_by": {"type": "deeper"}}
        more = {"index": "x", "index_uuid": "y", "shard": "0", "stack_trace": "long"}
        item["error"] |= {**more, "caused_by": cause}
        self.server.items[document.id] = {**item, "_version": 1, "_seq_no": 1}
        with self.having() as output:
            output.write([document])
        expected = {
            "_index": self.default,
            "status": 400,
            "error": {
                "type": "document_parsing_exception",
                "reason": "failed to parse",
                "caused_by": {"type": "illegal", "reason": "no IP"},
            },
        }
        assert self.server.taken == [{"items": [{"create": expected}]}]

    def test_a_batch_of_everything(self) -> None:
        """Each document is judged by itself."""
        documents = make_documents(len(ITEMS) * 20)
        expected: dict[str, set[str]] = {"delivered": set(), "rejected": set(), "later": set()}
        for number, document in enumerate(documents):
            item, meaning = ITEMS[number % len(ITEMS)]
            self.server.items[document.id] = item
            expected[meaning].add(document.id)
        with self.having(workers=1) as output:
            failures = output.write(documents[: len(ITEMS)])
        first = {x.id for x in documents[: len(ITEMS)]}
        assert {x.document.id for x in failures if x.retryable} == expected["later"] & first
        assert {x.document.id for x in failures if not x.retryable} == expected["rejected"] & first

    # Too large

    def test_a_batch_that_is_too_large_is_split(self) -> None:
        """Until it fits, and the next ones are smaller from the start."""
        self.server.max_documents = 100
        with self.having() as output:
            assert list(output.write(make_documents(1000))) == []
            before = len(self.server.bulks)
            assert list(output.write(make_documents(1000, 1000))) == []
        self.check_received(make_documents(2000))
        assert len(self.server.bulks) - before < 40, "it does not learn"

    def test_a_document_that_is_too_large_is_rejected(self) -> None:
        """Alone; the others arrive."""
        documents = make_documents(50)
        big = documents[20]

        def answer(asked: Asked) -> Answer | None:
            return Answer(413, b"") if big.id.encode() in asked.body else None

        self.server.answer = answer
        with self.having() as output:
            (failure,) = output.write(documents)
        assert (failure.document, failure.retryable, failure.status) == (big, False, 413)
        assert "http.max_content_length" in failure.reason
        self.check_received([x for x in documents if x is not big])

    def test_a_request_that_is_wrong_is_split(self) -> None:
        """To find out which document it is; it is not waited for indefinitely."""
        documents = make_documents(50)
        poison = documents[20]
        wrong = error(400, "x_content_parse_exception")
        self.server.answer = lambda x: wrong if poison.id.encode() in x.body else None
        with self.having() as output:
            (failure,) = output.write(documents)
        assert (failure.document, failure.retryable, failure.status) == (poison, False, 400)

    # Busy

    def test_the_batch_shrinks_and_grows_again(self) -> None:
        """Half as many after each 429, and with each one taken some more."""
        documents = make_documents(800)
        with self.having(workers=1) as output:
            with self.busy():
                for _ in range(3):
                    with pytest.raises(Unavailable):
                        output.write(documents)
            deliver(output, documents)
            for _ in range(20):
                output.write(documents)
        sizes = [x.body.count(b'{"create"') for x in self.server.bulks]
        assert sizes[:11] == [800, 400, 200, *[100] * 8]
        assert sizes[11] > 200
        assert sizes[-1] == 800
        self.check_received(documents, again=documents)

    def test_items_that_are_too_many_make_the_batch_shrink(self) -> None:
        """Where they are most of it; what was taken is delivered, and the rest is not even sent."""
        documents = make_documents(400)
        late = {x.id: item_error(429, "es_rejected_execution_exception") for x in documents[50:300]}
        self.server.items.update(late)
        with self.having(workers=1) as output:
            failures = output.write(documents)
            assert {x.document.id for x in failures} == set(late)
            self.server.items.clear()
            output.write([x.document for x in failures])
            output.write(make_documents(400, 400))
        sizes = [x.body.count(b'{"create"') for x in self.server.bulks]
        assert sizes == [400, 200, 50, 314, 86]

    def test_a_few_items_that_are_too_many_change_nothing(self) -> None:
        """Were less sent after each, it would soon be one document at a time."""
        dice = random.Random(3)
        late = item_error(429, "es_rejected_execution_exception")
        left = make_documents(1000)
        with self.having(workers=1) as output:
            for _ in range(30):
                self.server.items = {x.id: late for x in left if dice.random() < 0.3}
                left = [x.document for x in output.write(left)] if left else []
        assert left == []
        assert len(self.server.bulks) < 16
        self.check_received(make_documents(1000))

    def test_a_document_that_is_too_many_is_said_as_one(self) -> None:
        """The server takes others: it is not for all of them to wait for this one."""
        (document,) = make_documents(1)
        self.server.items[document.id] = item_error(429, "cluster_block_exception", "disk usage")
        with self.having() as output:
            (failure,) = output.write([document])
            assert (failure.document, failure.retryable, failure.status) == (document, True, 429)
            assert list(output.write(make_documents(1, 1))) == []

    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize(
        ("after", "expected"),
        [
            ("120", timedelta(seconds=120)),
            ("0", timedelta()),
            ("1000000", timedelta(hours=1)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", None),
            ("soon", None),
            ("9" * 30, None),
        ],
    )
    def test_a_server_may_ask_to_be_left_alone(
        self, status: int, after: str, expected: timedelta | None
    ) -> None:
        """For some seconds; what cannot be read is as nothing."""
        answer = Answer(status, b"", {"Retry-After": after})
        with (
            self.having() as output,
            self.server.answering(answer),
            pytest.raises(Unavailable) as raised,
        ):
            output.write(make_documents(1))
        assert raised.value.retry_after == expected

    @pytest.mark.parametrize("in_batch", [100, 10_000])
    def test_a_third_of_each_request_that_is_put_off_costs_little(
        self, tmp_path: Path, in_batch: int
    ) -> None:
        """All of it arrives, once, and what is waited for is little; no item is for ever."""
        dice = random.Random(11)
        rejections = [
            item_error(429, "es_rejected_execution_exception"),
            item_error(503, "unavailable_shards_exception"),
            item_error(403, "security_exception"),
        ]
        self.server.choose = lambda _: dice.choice(rejections) if dice.random() < 0.3 else None
        pauses: list[float] = []
        settings = DeliverySettings(max_documents=in_batch, max_age=timedelta())
        documents = make_documents(2_900)
        plugin = self.plugin()
        output = plugin.build(plugin.config.model_validate(self.settings()))
        with closing(opened(tmp_path, "siem")) as spool, capture_logs() as logs:
            spool.commit(documents)
            delivery = Delivery("siem", output, spool, settings, chance=lambda: 0.0)
            skip_pauses(delivery, pauses)
            delivery.start()
            assert wait_until_drained(delivery, timedelta(minutes=1))
            assert delivery.stop(timedelta(minutes=1))
            progress = spool.outputs["siem"]
        assert (progress.delivered, progress.rejected) == (2_900, 0)
        assert sum(pauses) < 20
        assert len(self.server.bulks) < 29 * 10
        assert [x for x in logs if x["log_level"] != "info"] == []
        self.check_received(documents)

    # Gone, in the middle of it

    @pytest.mark.parametrize("behind", [0, 30])
    def test_a_connection_that_is_reset(self, behind: int) -> None:
        """The documents are there already: they come again and are there once."""
        documents = make_documents(300)
        with self.having() as output:
            self.server.reset_behind = behind
            with pytest.raises(Unavailable, match="cannot be reached"):
                output.write(documents)
            self.server.reset_behind = None
            deliver(output, documents)
        self.check_received(documents, again=documents)

    @pytest.mark.parametrize(
        "edit",
        [
            lambda x: x[:-20],
            lambda x: x[:-20] + b" " * 20,
            lambda x: b"".ljust(len(x), b"\0"),
            lambda x: b"[]".ljust(len(x)),
            lambda x: b'{"items":[]}'.ljust(len(x)),
            lambda x: b'{"items":[{"create":{"status":201}}]}'.ljust(len(x)),
            lambda x: b"{}".ljust(len(x)),
        ],
        ids=["short", "cut", "binary", "list", "no items", "one item", "empty"],
    )
    def test_a_reply_that_is_no_whole_reply(self, edit: Any) -> None:  # noqa: ANN401 - a function
        """Nothing is concluded from it; all documents come again."""
        documents = make_documents(3)
        with self.having() as output:
            self.server.edit = edit
            with pytest.raises(Unavailable, match=self.server.url):
                output.write(documents)
            self.server.edit = bytes
            deliver(output, documents)
        self.check_received(documents, again=documents)

    @pytest.mark.parametrize("sent", [None, 30])
    def test_a_server_that_hangs_up(self, sent: int | None) -> None:
        """Without a reply, or within one: it is said in words, and not in those of a library."""
        documents = make_documents(3)
        with self.having() as output:
            if sent is None:
                self.server.hangs_up = True
            else:
                self.server.edit = lambda x: x[:sent]
            with pytest.raises(Unavailable, match=f"{self.server.url} hung up before its answer"):
                output.write(documents)
            self.server.hangs_up, self.server.edit = False, bytes
            deliver(output, documents)
        self.check_received(documents, again=documents)

    @pytest.mark.parametrize(
        "instead", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x16\x03" * 30_000, b"HTTP/1.1 200 OK\r\n" * 300]
    )
    def test_a_server_that_speaks_something_else(self, instead: bytes) -> None:
        """It is said in words, and not with all that came."""
        documents = make_documents(3)
        with self.having() as output:
            self.server.instead = instead
            with pytest.raises(Unavailable, match="does not answer in HTTP; it may") as raised:
                output.write(documents)
            assert len(str(raised.value)) < 200
            self.server.instead = b""
            deliver(output, documents)
        self.check_received(documents, again=documents)

    def test_a_server_that_answers_anything(self) -> None:
        """Whatever is not as it has to be is waited for, and said in few words."""
        (document,) = make_documents(1)
        product = b"X-Elastic-Product: Elasticsearch\r\n" if self.product else b""
        with self.having(timeout="2s") as output:
            for status, lines, body in HEADS:
                head = b"HTTP/1.1 %b\r\n%bConnection: close\r\n%b\r\n\r\n" % (
                    status,
                    product,
                    lines,
                )
                self.server.instead = head + body
                said = _put_off(output, document)
                assert self.server.url in said, (status, lines, body)
                assert len(said) < 700
            self.server.instead = b""
            assert list(output.write([document])) == []

    def test_a_server_that_hangs(self) -> None:
        """It is not waited for longer than the settings say."""
        self.server.released.clear()
        documents = make_documents(3)
        with self.having(timeout="200ms") as output:
            with pytest.raises(Unavailable, match="in time"):
                output.write(documents)
            self.server.released.set()
            deliver(output, documents)
        self.check_received(documents, again=documents)

    def test_a_reply_that_trickles(self) -> None:
        """The time is that of the whole body, and not of each byte of it."""
        documents = make_documents(30)
        with self.having(timeout="500ms") as output:
            self.server.trickles = "body"
            with pytest.raises(Unavailable, match="in time"):
                output.write(documents)
            self.server.trickles = ""
            deliver(output, documents)
        self.check_received(documents, again=documents)

    @pytest.mark.parametrize("compressed", [False, True])
    def test_a_reply_without_an_end(self, compressed: bool) -> None:  # noqa: FBT001 - of a table
        """No more is kept of it than a reply can have; all documents come again."""
        documents = make_documents(3)
        blanks = b" " * (MAX_BYTES + 1)
        headers = {"X-Elastic-Product": "Elasticsearch"} if self.product else {}
        if compressed:
            blanks = compress(blanks)
            headers["Content-Encoding"] = "gzip"
        with self.having() as output:
            with (
                self.server.answering(Answer(200, blanks, headers)),
                pytest.raises(Unavailable, match=f"{self.server.url} answers with more than 32 Mi"),
            ):
                output.write(documents)
            deliver(output, documents)
        self.check_received(documents)

    def test_a_reply_without_an_end_leaves_nothing_in_memory(self) -> None:
        """However often it comes: the collection of garbage may be many replies later."""
        documents = make_documents(500)
        headers = {"X-Elastic-Product": "Elasticsearch"} if self.product else {}
        endless = Answer(200, b" " * (MAX_BYTES + 1), headers)

        def fail() -> None:
            with pytest.raises(Unavailable):
                output.write(documents)
            self.server.asked.clear()

        with self.having() as output, self.server.answering(endless):
            fail()
            gc.collect()
            gc.disable()
            # What a client logs of its requests, each handler keeps.
            logging.disable()
            tracemalloc.start()
            try:
                fail()
                before, _ = tracemalloc.get_traced_memory()
                for _ in range(4):
                    fail()
                after, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
                logging.disable(logging.NOTSET)
                gc.enable()
        assert after - before < 500_000

    def test_a_reply_that_says_that_it_is_long(self) -> None:
        """No room is made for it before it is there."""
        documents = make_documents(3)
        answer = Answer(200, b"{", {"Content-Length": str(10**11)})
        with self.having() as output:
            with (
                self.server.answering(answer),
                pytest.raises(Unavailable, match="hung up before its answer"),
            ):
                output.write(documents)
            deliver(output, documents)
        self.check_received(documents)

    def test_a_line_over_which_a_request_takes_long(self) -> None:
        """It may take as long as a reply may; how long connecting may take is another matter."""
        documents = self._large()
        self.server.reads_after = 1
        with self.having(connect_timeout="200ms", workers=1) as output:
            assert list(output.write(documents)) == []
        assert len(self.server.bulks) == 1

    def test_a_request_that_is_not_read(self) -> None:
        """It is given up when a reply would be, and no other server is asked meanwhile."""
        documents = self._large()
        self.server.reads_after = 5
        with self.having(timeout="300ms", workers=1) as output:
            with pytest.raises(Unavailable, match="in time"):
                output.write(documents)
            self.server.reads_after = 0
            deliver(output, documents[:1])

    @staticmethod
    def _large() -> list[Document]:
        """Make more than the system's buffers have room for, however well it is compressed."""
        dice = random.Random(5)
        text = [dice.randbytes(1_000_000).hex() for _ in range(10)]
        return [make_documents(1, x, text=y)[0] for x, y in enumerate(text)]

    def test_another_node_takes_over(self) -> None:
        """Within the same write; when the first is back, it has its share again."""
        other = BulkServer(product=self.product)
        try:
            with self.having(hosts=[self.server.url, other.url]) as output:
                with self.server.away():
                    for number in range(4):
                        assert list(output.write(make_documents(1, number))) == []
                with other.away():
                    for number in range(4, 8):
                        assert list(output.write(make_documents(1, number))) == []
            assert len(other.documents) == 4
            assert len(self.server.documents) == 4
        finally:
            other.stop()


def skip_pauses(delivery: Delivery, chosen: list[float]) -> None:
    """Wait for nothing; note how long all documents would have waited, at the most."""
    delivery._chance = lambda: 1.0  # noqa: SLF001 - of pauses that all documents wait out
    choose = delivery._backoff  # noqa: SLF001 - what would be waited

    def note(error: BaseException | None) -> timedelta:
        chosen.append(choose(error).total_seconds())
        return timedelta()

    delivery._backoff = note  # type: ignore[method-assign] # noqa: SLF001


def _put_off(output: Output, document: Document) -> str:
    """Say why a document is to come again."""
    try:
        (failure,) = output.write([document])
    except Unavailable as error:
        return str(error)
    assert failure.retryable
    return failure.reason


def placed(
    number: int, namespace: str = "default", appliance: str = "esa1.example.com"
) -> Document:
    """Make a document that says where it belongs, as those of the program do."""
    (document,) = make_documents(1, number)
    body = json.loads(document.body)
    body["data_stream"]["namespace"] = namespace
    body["host"] = {"name": appliance, "id": "x"}
    return Document(document.id, json.dumps(body, separators=(",", ":")).encode())


def _later(holds: Any, act: Any) -> threading.Thread:  # noqa: ANN401 - functions
    """Do something when a condition holds, in a thread."""

    def work() -> None:
        wait_until(holds)
        act()

    thread = threading.Thread(target=work)
    thread.start()
    return thread
