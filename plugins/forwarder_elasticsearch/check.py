"""Whether an output with these settings would work.

Nothing is written. A key that may only ship sees whether it may do that; what it may not see is not
a fault, and is said.
"""

import json
import socket
import ssl
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from forwarder_bulk import tls
from forwarder_bulk.targets import ANY, Targets

from forwarder import Expected, Finding, Unavailable
from forwarder_elasticsearch.client import Answer, request, strange, trust
from forwarder_elasticsearch.settings import Settings
from forwarder_elasticsearch.setup_cluster import TEMPLATE, asset

_LEAST, _BELOW = (8, 19), (10, 0)
"""From the version of our client, which knows servers of its own version and later ones, up to
those of the future that it does not know. The tests go against 8.19 and 9. What we need ourselves,
that the server makes sure that a data stream is one, is there from 8.13."""
_SUPPORTED = "8.19 and 9"
_PRIVILEGES = ("auto_configure", "create_doc")
_AUTHENTICATE = "/_security/_authenticate"
_MAX_TEXT = 300
"""Characters of what a server says."""
_MOST_NAMED = 10
"""Data streams in one sentence; there may be one for each of hundreds of appliances."""
_SOON = timedelta(days=14)
"""Enough to ask another team for a new certificate."""
_SEE_SERVER = "See how the server is."
_SETUP = "Run esa-forwarder setup again."


def check(settings: Settings, expected: Expected) -> Iterator[Finding]:
    """Look at each node, and at the cluster by the first that takes the credentials."""
    reached = None
    for url in settings.urls():
        if url.startswith("https:") and settings.proxy is None:
            yield _check_tls(settings, url)
        try:
            login = _judge_login(settings, request(settings, url, "GET", _AUTHENTICATE))
        except Unavailable as error:
            yield _bad(str(error), "Fix what it names: the file, the URL, or what is in between.")
            continue
        yield login
        if login.good and reached is None:
            reached = url
    if reached is not None:
        try:
            yield from _check_cluster(settings, expected, reached)
        except Unavailable as error:
            yield _bad(str(error), "See how the cluster is.")


def _check_tls(settings: Settings, url: str) -> Finding:
    """Connect to a node as the output would, and see until when its certificate holds."""
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 0)
    try:
        with (
            socket.create_connection(address, settings.connect_timeout.total_seconds()) as plain,
            trust(settings, [address]).wrap_socket(plain, server_hostname=address[0]) as secure,
        ):
            certificate = secure.getpeercert()
    except (Unavailable, ssl.SSLError) as error:
        words = tls.explain(error) if isinstance(error, ssl.SSLError) else str(error)
        text, _, advice = words.partition("; ")
        return _bad(f"{url}: {text}", f"{advice[:1].upper()}{advice[1:]}.")
    except OSError as error:
        advice = "See whether it runs, and whether hosts and firewalls are right."
        return _bad(f"{url} cannot be reached: {tls.words_of(error)}", advice)
    if not certificate:
        advice = "Name the authority in ca_certs or ca_trusted_fingerprint, and leave verify out."
        return _bad(f"{url}: its certificate is not verified (verify: none)", advice)
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    text = f"{url}: its certificate holds until {ends:%Y-%m-%d %H:%M} UTC"
    if ends - datetime.now(UTC) < _SOON:
        return _bad(text, "Give the server a new one before that.")
    return _good(text)


def _check_cluster(settings: Settings, expected: Expected, url: str) -> Iterator[Finding]:
    ask = partial(request, settings, url)
    version = _judge_version(ask("GET", "/"))
    yield version
    if not version.good:
        return  # what another version answers may mean something else
    names: Sequence[str]
    if settings.index is None:
        names = Targets(by_appliance=settings.namespace_by_appliance).expect(expected)
    else:
        head, percent, _ = settings.index.partition("%")
        names = (head + "*" * len(percent),)
    wanted = {"index": [{"names": names, "privileges": _PRIVILEGES}]}
    path = "/_security/user/_has_privileges"
    yield from _judge_rights(names, ask("POST", path, json.dumps(wanted).encode()))
    if settings.index is None:
        yield _judge_template(names, ask("GET", f"/_index_template/{TEMPLATE}"))
        yield _judge_failure_store(names, ask("GET", f"/_data_stream/{ANY}"))


def _judge_login(settings: Settings, answer: Answer) -> Finding:
    url, status, body, _ = answer
    if status == 200:  # noqa: PLR2004 - a status of HTTP, as those below
        key = body.get("api_key")
        name = key.get("name") if isinstance(key, dict) else body.get("username")
        if not isinstance(name, str):
            raise strange(f"{url} answers {status} to GET {_AUTHENTICATE}", body)
        who = f"{'key' if isinstance(key, dict) else 'user'} {name!r}"
        return _good(f"{url} answers, and takes the credentials of {who}")
    reason = _reason(answer)
    if status in {401, 403}:
        has_any = settings.api_key or settings.username or settings.client_certificate
        what = (
            "does not take the credentials" if has_any else "wants credentials, and there are none"
        )
        advice = "Give a valid api_key, or username and password; replace an expired key."
        return _bad(f"{url} {what} ({status}{reason})", advice)
    if status in {400, 404, 405} and settings.api_key is None and settings.username is None:
        return _good(f"{url} answers; security is off there, so every client may do everything")
    advice = "See how the server is, and whether hosts is right."
    return _bad(f"{url} answers {status}{reason}", advice)


def _judge_version(answer: Answer) -> Finding:
    if answer.status in {401, 403}:
        return _good("the version cannot be seen with these credentials, which is not a fault")
    if answer.status != 200:  # noqa: PLR2004 - of HTTP
        return _bad(f"{answer.url} answers {answer.status}{_reason(answer)} to GET /", _SEE_SERVER)
    version = answer.body.get("version")
    number = version.get("number") if isinstance(version, dict) else None
    if not isinstance(number, str):
        raise strange(f"{answer.url} answers 200 to GET /", answer.body)
    found = tuple(int(x) for x in number.split(".")[:2] if x.isdecimal())
    if _LEAST <= found < _BELOW:
        return _good(f"it is Elasticsearch {number}")
    advice = "Update the older of the two: the cluster, or this program."
    return _bad(f"it is Elasticsearch {number}; supported are {_SUPPORTED}", advice)


def _judge_rights(names: Sequence[str], answer: Answer) -> Iterator[Finding]:
    found = answer.body.get("index") if answer.status == 200 else None  # noqa: PLR2004 - of HTTP
    by_missing = defaultdict(list)
    unknown = []
    for name in names:
        rights = found.get(name) if isinstance(found, dict) else None
        if isinstance(rights, dict) and rights.keys() >= set(_PRIVILEGES):
            by_missing[tuple(x for x in _PRIVILEGES if not rights[x])].append(name)
        else:
            unknown.append(name)
    if unknown:
        yield _good(f"the rights on {_list(unknown)} cannot be asked for")
    for missing, those in by_missing.items():
        where = _list(those)
        if not missing:
            yield _good(f"documents may be shipped to {where}")
            continue
        advice = f"Give the key or user {' and '.join(_PRIVILEGES)} on {where}, and nothing else."
        if those == [ANY]:
            advice += " If it has them on your own namespaces alone, that is enough."
        yield _bad(f"the right to {' and '.join(missing)} on {where} is missing", advice)


def _judge_template(names: Sequence[str], answer: Answer) -> Finding:
    found = _records(answer, "index_templates")
    if answer.status in {401, 403}:
        return _good("templates cannot be seen with these credentials")
    if not found:
        return _good(
            f"there is no index template {TEMPLATE}, so the built-in one maps the fields;"
            " esa-forwarder setup installs ours"
        )
    template = found[0].get("index_template")
    template = template if isinstance(template, dict) else {}
    version = template.get("version")
    ours = json.loads(asset("index_template.json"))["version"]
    if version != ours:
        return _bad(f"index template {TEMPLATE} has version {version}; ours is {ours}", _SETUP)
    patterns = template.get("index_patterns")
    patterns = [x for x in patterns if isinstance(x, str)] if isinstance(patterns, list) else names
    others = [x for x in names if not any(fnmatchcase(x, y) for y in patterns)]
    if others:
        text = f"index template {TEMPLATE} is for {_list(patterns)}, and not for {_list(others)}"
        return _bad(text, _SETUP)
    return _good(f"index template {TEMPLATE} is there, version {version}")


def _judge_failure_store(wanted: Sequence[str], answer: Answer) -> Finding:
    if answer.status in {401, 403}:
        return _good("data streams cannot be seen with these credentials")
    named = [x for x in _records(answer, "data_streams") if isinstance(x.get("name"), str)]
    streams = [x for x in named if x["name"] in wanted or ANY in wanted]
    if not streams:
        return _good(f"no {_list(wanted)} is there yet; the first document creates it")
    stores = [(x["name"], x.get("failure_store")) for x in streams]
    on = [x for x, store in stores if isinstance(store, dict) and store.get("enabled")]
    if on:
        return _good(
            f"the failure store of {_list(on)} is on: a rejected document is there, and here as a"
            " dead letter"
        )
    names = _list([x["name"] for x in streams])
    return _good(f"the failure store of {names} is off: a rejected document is a dead letter here")


def _list(names: Sequence[str]) -> str:
    """Name some, and count the rest."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _records(answer: Answer, name: str) -> list[dict[str, Any]]:
    """Return a list of objects, empty where there is something else."""
    found = answer.body.get(name)
    return [x for x in found if isinstance(x, dict)] if isinstance(found, list) else []


def _reason(answer: Answer) -> str:
    error = answer.body.get("error")
    reason = error.get("reason") if isinstance(error, dict) else answer.page
    return f": {str(reason)[:_MAX_TEXT]}" if reason else ""


def _good(text: str) -> Finding:
    return Finding(good=True, text=text)


def _bad(text: str, advice: str) -> Finding:
    return Finding(good=False, text=text, advice=advice)
