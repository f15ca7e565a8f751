"""Whether an output with these settings would work.

Nothing is written. A key that may only ship can see its own rights; what it cannot see is reported
and is not a fault.
"""

import json
import ssl
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import quote

from forwarder_bulk.output import ANY, Targets
from forwarder_bulk.settings import ElasticSettings
from forwarder_bulk.transport import check_nodes, fetch_certificate

from forwarder import Expected, Finding
from forwarder_elasticsearch.client import Answer, request
from forwarder_elasticsearch.names import Names

_LEAST, _BELOW = (8, 19), (10, 0)
"""What the tests go against: 8.19 and 9. What we need, ``require_data_stream``, came with 8.13."""
_PRIVILEGES = ("auto_configure", "create_doc")
_AUTHENTICATE = "/_security/_authenticate"
_MOST_NAMED = 10  # data streams in one sentence; each of hundreds of appliances may have one
_SOON = timedelta(days=14)  # enough to ask another team for a new certificate
_SEE_SERVER = "Check the server, and that hosts is right."


def check(settings: ElasticSettings, expected: Expected) -> Iterator[Finding]:
    """Check each node, and the cluster through the first that accepts the credentials."""
    checked: list[str] = []

    def check_node(url: str) -> Iterator[Finding]:
        if url.startswith("https:") and settings.proxy is None:
            yield from _check_certificate(settings, url)
        login = _judge_login(settings, url, request(settings, url, "GET", _AUTHENTICATE))
        yield login
        if login.good and not checked:
            checked.append(url)
            yield from _check_cluster(settings, expected, url)

    yield from check_nodes(settings.urls(), check_node)


def _check_certificate(settings: ElasticSettings, url: str) -> Iterator[Finding]:
    """Report when the certificate of a node expires; its other faults fail the request."""
    if settings.verify == "none":
        advice = "Name the authority in ca_certs, and leave verify out."
        yield _bad(f"{url}: its certificate is not verified (verify: none)", advice)
        return
    if certificate := fetch_certificate(url, settings):
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
        text = f"{url}: its certificate is valid until {ends:%Y-%m-%d %H:%M} UTC"
        is_soon = ends - datetime.now(UTC) < _SOON
        yield _bad(text, "Give the server a new one before that.") if is_soon else _good(text)


def _check_cluster(settings: ElasticSettings, expected: Expected, url: str) -> Iterator[Finding]:
    ask = partial(request, settings, url)
    names, pipeline = Names(settings.index), settings.pipeline
    template, at = f"index template {names.template}", f"/_index_template/{names.template}"
    looks: list[tuple[str, str, str, Callable[[Answer], Finding]]] = [
        ("the version", "monitor", "/", _judge_version),
        (template, "manage_index_templates", at, partial(_judge_template, names)),
    ]
    if pipeline is not None:
        at, judge = f"/_ingest/pipeline/{quote(pipeline)}", partial(_judge_pipeline, pipeline)
        looks.append((f"pipeline {pipeline!r}", "read_pipeline", at, judge))
    unseen = []
    for what, privilege, path, judge_it in looks:
        answer = ask("GET", path)
        if answer.status in {401, 403}:
            unseen.append(f"{what} ({privilege})")
            continue
        finding = judge_it(answer)
        yield finding
        if path == "/" and not finding.good:
            return  # what another version answers may mean something else
    targets = Targets(settings.index, by_appliance=settings.namespace_by_appliance)
    wanted = {"index": [{"names": targets.expect(expected), "privileges": _PRIVILEGES}]}
    path = "/_security/user/_has_privileges"
    answer = ask("POST", path, json.dumps(wanted).encode())
    yield from _judge_rights(targets.expect(expected), answer)
    if unseen:
        yield _good(
            f"not checked, because the credentials lack the privileges: {', '.join(unseen)};"
            " shipping does not need them"
        )


def _judge_login(settings: ElasticSettings, url: str, answer: Answer) -> Finding:
    status, reason = answer.status, f": {answer.reason}" if answer.reason else ""
    match answer.body:
        case {"api_key": {"name": str(name)}} if status == 200:  # noqa: PLR2004 - of HTTP
            return _good(f"{url} answers, and accepts the credentials of key {name!r}")
        case {"username": str(name)} if status == 200:  # noqa: PLR2004
            return _good(f"{url} answers, and accepts the credentials of user {name!r}")
    if status == 200:  # noqa: PLR2004
        raise answer.strange()
    if status in {401, 403}:
        has_any = settings.api_key or settings.username or settings.client_certificate
        what = "rejects the credentials" if has_any else "requires credentials, and there are none"
        if settings.api_key is not None:
            advice = "It may have expired or been revoked; setup --make-key makes a new one."
        elif settings.username is not None:
            advice = "Set username and password to those of a user of the cluster."
        else:
            advice = "Set api_key, or username and password."
        return _bad(f"{url} {what} ({status}{reason})", advice)
    if status in {400, 404, 405} and settings.api_key is None and settings.username is None:
        return _good(f"{url} answers; its security is off, so every client may do everything")
    return _bad(f"{url} answers {status}{reason}", _SEE_SERVER)


def _judge_version(answer: Answer) -> Finding:
    if answer.status != 200:  # noqa: PLR2004 - of HTTP
        return _bad(f"{answer.where}: {answer.reason}", _SEE_SERVER)
    match answer.body:
        case {"version": {"number": str(number)}}:
            found = tuple(int(x) for x in number.split(".")[:2] if x.isdecimal())
        case _:
            raise answer.strange()
    if _LEAST <= found < _BELOW:
        return _good(f"it is Elasticsearch {number}")
    advice = "Update the cluster or this program, whichever is older."
    return _bad(f"it is Elasticsearch {number}; supported are 8.19 and 9", advice)


def _judge_rights(names: Sequence[str], answer: Answer) -> Iterator[Finding]:
    by_missing = defaultdict(list)
    unknown = []
    with answer.understanding():
        found = answer.body.get("index") or {}
        for name in names:
            rights = found.get(name, {})
            if rights.keys() >= set(_PRIVILEGES):
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


def _judge_template(names: Names, answer: Answer) -> Finding:
    template = f"index template {names.template}"
    if not (found := answer.body.get("index_templates")):
        if names.is_plain:
            text = f"there is no {template}, so types of fields are guessed: source.ip becomes text"
            return Finding(good=True, text=text, advice="Run esa-forwarder setup.")
        return _good(
            f"there is no {template}, so the built-in one maps the fields;"
            " esa-forwarder setup installs ours"
        )
    with answer.understanding():
        version = found[0]["index_template"].get("version")
    ours = json.loads(names.read("index_template.json"))["version"]
    if version != ours:
        return _bad(f"{template} has version {version}; ours is {ours}", "Run esa-forwarder setup.")
    return _good(f"{template} is there, version {version}")


def _judge_pipeline(name: str, answer: Answer) -> Finding:
    if answer.status == 404:  # noqa: PLR2004 - of HTTP
        return _bad(f"there is no pipeline {name!r}", "Create it, or take pipeline out.")
    return _good(f"pipeline {name!r} is there")


def _list(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _good(text: str) -> Finding:
    return Finding(good=True, text=text)


def _bad(text: str, advice: str) -> Finding:
    return Finding(good=False, text=text, advice=advice)
