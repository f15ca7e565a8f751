"""Filters: which documents go on."""

from typing import Any

import orjson
import pytest

from forwarder.config.models import FilterSettings
from forwarder.ecs.filters import passes
from forwarder.events import Document
from tests import golden

LOGIN = golden.expected("header")[0]


def passing(rules: dict[str, Any], document: dict[str, Any] = LOGIN) -> bool:
    """Tell whether a document passes rules as they are written in a configuration."""
    found = FilterSettings.model_validate(rules).rules
    assert found is not None
    return passes(Document("0" * 32, orjson.dumps(document)), found)


def login(user: str | None, account: str | None, ip: str | None) -> dict[str, Any]:
    """Make a login with or without a user and an address."""
    auth = {} if account is None else {"account": account}
    document = {**LOGIN, "cisco_esa": {**LOGIN["cisco_esa"], "auth": auth}}
    document |= {"user": {} if user is None else {"name": user}}
    return document | {"source": {} if ip is None else {"ip": ip}}


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        ({"action": "smtp-authentication"}, True),
        ({"action": ["smtp-session-closed", "smtp-authentication"]}, True),
        ({"action": "smtp-session-closed"}, False),
        ({"outcome": "success"}, True),
        ({"outcome": "failure"}, False),
        ({"outcome": ["success", "failure"]}, True),
        ({"appliance": "ESA1.example.com"}, True),
        ({"appliance": ["esa2", "esa1"]}, False),
        ({"user": "anna"}, True),
        ({"user": "ANNA@example.com"}, True),
        ({"user": "anna@example.net"}, False),
        ({"user": ["bob", "Anna"]}, True),
        ({"source": "203.0.113.0/24"}, True),
        ({"source": "203.0.113.9"}, True),
        ({"source": ["10.0.0.0/8", "::/0"]}, False),
        ({"user": "anna", "source": "203.0.113.0/24", "outcome": "success"}, True),
        ({"user": "anna", "source": "10.0.0.0/8"}, False),
    ],
)
def test_a_rule_matches_where_all_of_its_conditions_do(
    rule: dict[str, Any], *, matches: bool
) -> None:
    """To drop a document, or to keep it."""
    document = login("Anna@Example.com", "anna", "203.0.113.9")
    assert passing({"drop": [rule]}, document) is not matches
    assert passing({"keep": [rule]}, document) is matches


@pytest.mark.parametrize("rule", [{"user": "anna"}, {"source": ["0.0.0.0/0", "::/0"]}])
def test_what_a_document_does_not_have_matches_nothing(rule: dict[str, Any]) -> None:
    """An address that is not known is in no network."""
    assert passing({"drop": [rule]}, login(None, None, None))


def test_an_ipv4_address_is_one_however_it_is_written() -> None:
    """A listener for both kinds may write it as one of IPv6."""
    assert not passing(
        {"drop": [{"source": "203.0.113.0/24"}]}, login("u", "u", "::ffff:203.0.113.9")
    )


@pytest.mark.parametrize("name", golden.NAMES)
def test_every_document_can_be_asked(name: str) -> None:
    """Of each action, with and without a connection."""
    for document in golden.expected(name):
        action = document["event"]["action"]
        rule = {"action": action, "appliance": document["host"]["name"]}
        assert not passing({"drop": [rule]}, document)
        assert passing({"drop": [{"user": "nobody", "source": "192.0.2.77"}]}, document)


def test_drop_has_the_last_word() -> None:
    """Of what no rule of ``keep`` matches, nothing goes on."""
    rules = {"keep": [{"user": "anna"}, {"user": "bob"}], "drop": [{"source": "10.0.0.0/8"}]}
    assert passing(rules, login("bob", "bob", "203.0.113.9"))
    assert not passing(rules, login("bob", "bob", "10.1.2.3"))
    assert not passing(rules, login("eve", "eve", "203.0.113.9"))


def test_without_rules_no_document_is_looked_at() -> None:
    """It costs nothing."""
    assert FilterSettings().rules is None
