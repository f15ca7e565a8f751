"""Whether an output with these settings would work.

Nothing is written. A key that may only ship sees whether it may do that; what it may not see is not
a fault, and is said.
"""

import json
import ssl
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from forwarder_bulk.targets import ANY, Targets
from forwarder_bulk.transport import as_finding, fetch_certificate

from forwarder import Expected, Finding, Unavailable
from forwarder_elasticsearch.client import Answer, request
from forwarder_elasticsearch.names import Names
from forwarder_elasticsearch.settings import Settings

_LEAST, _BELOW = (8, 19), (10, 0)
"""What the tests go against: 8.19 and 9. What we need, ``require_data_stream``, came with 8.13."""
_PRIVILEGES = ("auto_configure", "create_doc")
_AUTHENTICATE = "/_security/_authenticate"
_MOST_NAMED = 10  # data streams in one sentence; each of hundreds of appliances may have one
_SOON = timedelta(days=14)  # enough to ask another team for a new certificate
_SEE_SERVER = "See how the server is, and whether hosts is right."


def check(settings: Settings, expected: Expected) -> Iterator[Finding]:
    """Look at each node, and at the cluster by the first that takes the credentials."""
    is_checked = False
    for url in settings.urls():
        try:
            if url.startswith("https:") and settings.proxy is None:
                yield from _check_certificate(settings, url)
            login = _judge_login(settings, url, request(settings, url, "GET", _AUTHENTICATE))
            yield login
            if login.good and not is_checked:
                is_checked = True
                yield from _check_cluster(settings, expected, url)
        except Unavailable as error:
            yield as_finding(str(error))


def _check_certificate(settings: Settings, url: str) -> Iterator[Finding]:
    """See until when the certificate of a node holds; what else is wrong, a request tells."""
    if settings.verify == "none":
        advice = "Name the authority in ca_certs, and leave verify out."
        yield _bad(f"{url}: its certificate is not verified (verify: none)", advice)
        return
    if certificate := fetch_certificate(url, settings):
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
        text = f"{url}: its certificate holds until {ends:%Y-%m-%d %H:%M} UTC"
        is_soon = ends - datetime.now(UTC) < _SOON
        yield _bad(text, "Give the server a new one before that.") if is_soon else _good(text)


def _check_cluster(settings: Settings, expected: Expected, url: str) -> Iterator[Finding]:
    ask = partial(request, settings, url)
    version = _judge_version(ask("GET", "/"))
    yield version
    if not version.good:
        return  # what another version answers may mean something else
    names = Targets(settings.index, by_appliance=settings.namespace_by_appliance).expect(expected)
    wanted = {"index": [{"names": names, "privileges": _PRIVILEGES}]}
    path = "/_security/user/_has_privileges"
    yield from _judge_rights(names, ask("POST", path, json.dumps(wanted).encode()))
    ours = Names(settings.index)
    if not ours.fits_others:
        yield _judge_template(ours, ask("GET", f"/_index_template/{ours.template}"))


def _judge_login(settings: Settings, url: str, answer: Answer) -> Finding:
    status, reason = answer.status, f": {answer.reason}" if answer.reason else ""
    match answer.body:
        case {"api_key": {"name": str(name)}} if status == 200:  # noqa: PLR2004 - of HTTP
            return _good(f"{url} answers, and takes the credentials of key {name!r}")
        case {"username": str(name)} if status == 200:  # noqa: PLR2004
            return _good(f"{url} answers, and takes the credentials of user {name!r}")
    if status == 200:  # noqa: PLR2004
        raise answer.strange()
    if status in {401, 403}:
        has_any = settings.api_key or settings.username or settings.client_certificate
        what = (
            "does not take the credentials" if has_any else "wants credentials, and there are none"
        )
        advice = "Give a valid api_key, or username and password; replace an expired key."
        return _bad(f"{url} {what} ({status}{reason})", advice)
    if status in {400, 404, 405} and settings.api_key is None and settings.username is None:
        return _good(f"{url} answers; security is off there, so every client may do everything")
    return _bad(f"{url} answers {status}{reason}", _SEE_SERVER)


def _judge_version(answer: Answer) -> Finding:
    if answer.status in {401, 403}:
        return _good("the version cannot be seen with these credentials, which is not a fault")
    if answer.status != 200:  # noqa: PLR2004 - of HTTP
        return _bad(f"{answer.where}: {answer.reason}", _SEE_SERVER)
    match answer.body:
        case {"version": {"number": str(number)}}:
            found = tuple(int(x) for x in number.split(".")[:2] if x.isdecimal())
        case _:
            raise answer.strange()
    if _LEAST <= found < _BELOW:
        return _good(f"it is Elasticsearch {number}")
    advice = "Update the older of the two: the cluster, or this program."
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
    if answer.status in {401, 403}:
        return _good("templates cannot be seen with these credentials")
    if not (found := answer.body.get("index_templates")):
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


def _list(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _good(text: str) -> Finding:
    return Finding(good=True, text=text)


def _bad(text: str, advice: str) -> Finding:
    return Finding(good=False, text=text, advice=advice)
