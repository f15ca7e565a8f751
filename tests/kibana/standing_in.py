"""A small HTTP server that answers as Kibana's documentation says; Kibana cannot be had here.

It keeps what is imported, by space, and refuses what Kibana refuses: requests without ``kbn-xsrf``
and those of people it does not know.
"""

import json
import re
import ssl
import threading
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.kibana.asking import parse_lines

KEY = "aWQ6a2V5"
"""The encoded form of ``id:key``."""
Answer = tuple[int, Any]


class StandIn:
    """It listens on a port of its own until it is closed."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        """Start to listen."""
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        """By space, type and id."""
        self.rules: dict[tuple[str, str], dict[str, Any]] = {}
        """By space and rule_id."""
        self.requests: list[tuple[str, str]] = []
        """Method and path of each."""
        self.headers: dict[str, str] = {}
        """Of the last request, their names in small letters."""
        self.refusal: Answer | None = None
        """What every upload is answered with instead."""
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def _handle(self) -> None:
                status, answer = stand_in.answer(self)
                body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = _handle  # noqa: N815 - named by the base class

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if context is not None:
            scheme = "https"
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> Answer:  # noqa: PLR0911 - a way for each request
        """Answer one request."""
        url = urlsplit(request.path)
        self.requests.append((request.command, request.path))
        self.headers = {x.lower(): y for x, y in request.headers.items()}
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        if request.headers.get("authorization") != f"ApiKey {KEY}":
            return 401, {"statusCode": 401, "error": "Unauthorized", "message": "unknown"}
        if request.command != "GET" and "kbn-xsrf" not in request.headers:
            return 400, {"message": "Request must contain a kbn-xsrf header."}
        found = re.fullmatch(r"(?:/s/([^/]+))?/api(/.+)", url.path)
        assert found is not None, url.path
        space, path = found[1] or "default", found[2]
        query = {x: y[0] for x, y in parse_qs(url.query).items()}
        match request.command, path:
            case "POST", "/saved_objects/_import" | "/detection_engine/rules/_import":
                assert query == {"overwrite": "true"}
                if self.refusal is not None:
                    return self.refusal
                lines = parse_lines(_file(request.headers["content-type"], body))
                if path.startswith("/saved"):
                    return self._import_objects(space, lines)
                return self._import_rules(space, lines)
            case "POST", "/saved_objects/_export":
                wanted = json.loads(body)["objects"]
                known = [self.objects.get((space, x["type"], x["id"])) for x in wanted]
                if None in known:
                    return 400, {"message": "Error fetching objects to export"}
                return 200, "\n".join(map(json.dumps, known))
            case "GET", "/detection_engine/rules/_find":
                tag = re.fullmatch(r'alert\.attributes\.tags:"(.+)"', query["filter"])
                assert tag is not None
                rules = [y for (x, _), y in self.rules.items() if x == space]
                return 200, {"data": [x for x in rules if tag[1] in x["tags"]]}
            case "DELETE", "/detection_engine/rules":
                gone = self.rules.pop((space, query["rule_id"]), None)
                return (404, {}) if gone is None else (200, gone)
            case _:
                assert request.command == "DELETE", request.requestline
                _, _, kind, identity = path.split("/")
                gone = self.objects.pop((space, kind, identity), None)
                return (404, {}) if gone is None else (200, {})

    def _import_objects(self, space: str, lines: list[dict[str, Any]]) -> Answer:
        there = {(x["type"], x["id"]) for x in lines}
        for found in lines:
            # An id is there once in all of Kibana.
            others = [x for x in self.objects if x[1:] == (found["type"], found["id"])]
            assert all(x[0] == space for x in others)
            missing = {(x["type"], x["id"]) for x in found["references"]} - there
            if missing:
                errors = [{"id": found["id"], "error": {"type": "missing_references"}}]
                return 200, {"success": False, "successCount": 0, "errors": errors}
            self.objects[space, found["type"], found["id"]] = found
        return 200, {"success": True, "successCount": len(lines), "warnings": []}

    def _import_rules(self, space: str, lines: list[dict[str, Any]]) -> Answer:
        for rule in lines:
            self.rules[space, rule["rule_id"]] = rule
        count = len(lines)
        return 200, {"success": True, "success_count": count, "rules_count": count, "errors": []}


def _file(kind: str, body: bytes) -> str:
    """Give the file of a form."""
    head = f"content-type: {kind}\r\n\r\n".encode()
    form = BytesParser().parsebytes(head + body)
    assert form.is_multipart()
    (_, part) = form.walk()
    assert part.get_param("name", header="content-disposition") == "file"
    assert str(part.get_filename()).endswith(".ndjson")
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()
