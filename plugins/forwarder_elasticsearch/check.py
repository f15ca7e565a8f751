"""Whether an output with these settings would work.

Nothing is written. A key that may only ship sees whether it may do that; what it may not see is no
fault, and is said.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Any

from elasticsearch import Elasticsearch
from forwarder_bulk.targets import ANY, Targets

from forwarder import Expected, Finding, Unavailable
from forwarder_elasticsearch.asking import Answer, ask, strange
from forwarder_elasticsearch.client import connect
from forwarder_elasticsearch.settings import Settings
from forwarder_elasticsearch.tls_checking import look_at_tls

TEMPLATE = "logs-cisco_esa"
"""Of the index template that the setup installs."""

_LEAST, _BELOW = (8, 19), (10, 0)
"""From the version of our client, which knows servers of its own version and later ones, up to
those of the future that it does not know. The tests go against 8.19 and 9. What we need ourselves,
that the server makes sure that a data stream is one, is there from 8.13."""
_SUPPORTED = "8.19 and 9"
_PRIVILEGES = ("auto_configure", "create_doc")
_AUTHENTICATE = "/_security/_authenticate"
_PRIVILEGES_OF_USER = "/_security/user/_has_privileges"
_MAX_SAID = 300
"""Characters of what a server says."""
_MOST_NAMED = 10
"""Data streams in one sentence; there may be one for each of hundreds of appliances."""


def check(settings: Settings, expected: Expected) -> Iterator[Finding]:
    """Look at each node, and at the cluster by the first that takes the credentials.

    Args:
        settings: Of the output.
        expected: The documents, of which the namespaces are looked at.
    """
    reached = None
    for url in settings.urls():
        if url.startswith("https:") and settings.proxy is None:
            yield look_at_tls(settings, url, datetime.now(UTC))
        one = settings.model_copy(update={"hosts": (url,), "cloud_id": None})
        try:
            with connect(one) as client:
                login = _judge_login(settings, ask(client, "GET", _AUTHENTICATE))
        except Unavailable as error:
            yield Finding(
                good=False,
                text=str(error),
                advice="Mend what it names: the file, the URL, or what is in between.",
            )
            continue
        yield login
        if login.good and reached is None:
            reached = one
    if reached is not None:
        try:
            with connect(reached) as client:
                yield from _look_at_cluster(settings, expected, client)
        except Unavailable as error:
            yield Finding(good=False, text=str(error), advice="See how the cluster is.")


def _look_at_cluster(
    settings: Settings, expected: Expected, client: Elasticsearch
) -> Iterator[Finding]:
    version = _judge_version(ask(client, "GET", "/"))
    yield version
    if not version.good:
        return  # what another version answers may mean something else
    if settings.index is None:
        names = Targets(by_appliance=settings.namespace_by_appliance).expect(expected)
    else:
        names = (_as_pattern(settings.index),)
    wanted = {"index": [{"names": names, "privileges": _PRIVILEGES}]}
    answer = ask(client, "POST", _PRIVILEGES_OF_USER, json.dumps(wanted).encode())
    yield from _judge_rights(names, answer)
    if settings.index is None:
        yield _judge_template(names, ask(client, "GET", f"/_index_template/{TEMPLATE}"))
        yield _judge_failure_store(names, ask(client, "GET", f"/_data_stream/{ANY}"))


def _judge_login(settings: Settings, answer: Answer) -> Finding:
    url, status, body, _ = answer
    if status == 200:  # noqa: PLR2004 - a status of HTTP, as those below
        key = body.get("api_key")
        name = key.get("name") if isinstance(key, dict) else body.get("username")
        if not isinstance(name, str):
            raise strange(f"{url} answers {status} to GET {_AUTHENTICATE}", body)
        who = f"{'key' if isinstance(key, dict) else 'user'} {name!r}"
        return Finding(good=True, text=f"{url} answers, and takes the credentials of {who}")
    reason = _reason(answer)
    if status in {401, 403}:
        has_any = settings.api_key or settings.username or settings.client_certificate
        what = (
            "does not take the credentials" if has_any else "wants credentials, and there are none"
        )
        return Finding(
            good=False,
            text=f"{url} {what} ({status}{reason})",
            advice="Give a valid api_key, or username and password; an expired key is made anew.",
        )
    if status in {400, 404, 405} and settings.api_key is None and settings.username is None:
        text = f"{url} answers; security is off there, so whoever reaches it may do everything"
        return Finding(good=True, text=text)
    return Finding(
        good=False,
        text=f"{url} answers {status}{reason}",
        advice="See how the server is, and whether hosts is right.",
    )


def _judge_version(answer: Answer) -> Finding:
    if answer.status in {401, 403}:
        text = "the version cannot be seen with these credentials, which is no fault"
        return Finding(good=True, text=text)
    if answer.status != 200:  # noqa: PLR2004 - of HTTP
        text = f"{answer.url} answers {answer.status}{_reason(answer)} to GET /"
        return Finding(good=False, text=text, advice="See how the server is.")
    version = answer.body.get("version")
    number = version.get("number") if isinstance(version, dict) else None
    if not isinstance(number, str):
        raise strange(f"{answer.url} answers 200 to GET /", answer.body)
    found = tuple(int(x) for x in number.split(".")[:2] if x.isdecimal())
    if _LEAST <= found < _BELOW:
        return Finding(good=True, text=f"it is Elasticsearch {number}")
    advice = "Update the older of the two: the cluster, or this program."
    text = f"it is Elasticsearch {number}; supported are {_SUPPORTED}"
    return Finding(good=False, text=text, advice=advice)


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
        yield Finding(good=True, text=f"the rights on {_list(unknown)} cannot be asked for")
    for missing, those in by_missing.items():
        where = _list(those)
        if not missing:
            yield Finding(good=True, text=f"documents may be shipped to {where}")
            continue
        advice = f"Give the key or user {' and '.join(_PRIVILEGES)} on {where}, and nothing else."
        if those == [ANY]:
            advice += " If it has them on your own namespaces alone, that is enough."
        text = f"the right to {' and '.join(missing)} on {where} is missing"
        yield Finding(good=False, text=text, advice=advice)


def _judge_template(names: Sequence[str], answer: Answer) -> Finding:
    found = _records(answer, "index_templates")
    if answer.status in {401, 403}:
        return Finding(good=True, text="templates cannot be seen with these credentials")
    if not found:
        text = (
            f"there is no index template {TEMPLATE}, so the built-in one maps the fields;"
            " esa-forwarder setup brings ours"
        )
        return Finding(good=True, text=text)
    template = found[0].get("index_template")
    template = template if isinstance(template, dict) else {}
    version = template.get("version")
    ours = _shipped_version()
    if ours is not None and version != ours:
        return Finding(
            good=False,
            text=f"index template {TEMPLATE} has version {version}; ours is {ours}",
            advice="Run esa-forwarder setup again.",
        )
    patterns = template.get("index_patterns")
    patterns = [x for x in patterns if isinstance(x, str)] if isinstance(patterns, list) else names
    others = [x for x in names if not any(fnmatchcase(x, y) for y in patterns)]
    if others:
        text = f"index template {TEMPLATE} is for {_list(patterns)}, and not for {_list(others)}"
        return Finding(good=False, text=text, advice="Run esa-forwarder setup again.")
    return Finding(good=True, text=f"index template {TEMPLATE} is there, version {version}")


def _judge_failure_store(wanted: Sequence[str], answer: Answer) -> Finding:
    if answer.status in {401, 403}:
        return Finding(good=True, text="data streams cannot be seen with these credentials")
    named = [x for x in _records(answer, "data_streams") if isinstance(x.get("name"), str)]
    streams = [x for x in named if x["name"] in wanted or ANY in wanted]
    if not streams:
        text = f"no {_list(wanted)} is there yet; the first document makes it"
        return Finding(good=True, text=text)
    stores = [(x["name"], x.get("failure_store")) for x in streams]
    on = [x for x, store in stores if isinstance(store, dict) and store.get("enabled")]
    names = _list([x["name"] for x in streams])
    if on:
        text = f"the failure store of {_list(on)} is on: what is refused is there, and here"
        return Finding(good=True, text=f"{text} as a dead letter")
    text = f"the failure store of {names} is off: what is refused is here, as a dead letter"
    return Finding(good=True, text=text)


def _shipped_version() -> int | None:
    """Give the version of the template in this program."""
    asset = files("forwarder_elasticsearch") / "assets" / "index_template.json"
    if not asset.is_file():
        return None
    version = json.loads(asset.read_bytes()).get("version")
    return version if isinstance(version, int) else None


def _as_pattern(index: str) -> str:
    """Make a pattern of index names of one of times."""
    head, percent, _ = index.partition("%")
    return f"{head}*" if percent else head


def _list(names: Sequence[str]) -> str:
    """Name some, and count the rest."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _records(answer: Answer, name: str) -> list[dict[str, Any]]:
    """Give a list of objects; what is none is as nothing."""
    found = answer.body.get(name)
    return [x for x in found if isinstance(x, dict)] if isinstance(found, list) else []


def _reason(answer: Answer) -> str:
    error = answer.body.get("error")
    reason = error.get("reason") if isinstance(error, dict) else answer.page
    return f": {str(reason)[:_MAX_SAID]}" if reason else ""
