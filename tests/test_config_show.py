"""A configuration as it takes effect."""

from pathlib import Path

import pytest

from forwarder.config.schema import show
from tests.configs import LEAST, read
from tests.test_config_load import WHOLE

FLEET = f"""\
{LEAST}
silence: 1h
known_appliances_only: true
appliances:
  private-1:
    names: ["esa*"]
    addresses: [192.0.2.7, 2001:db8::/32]
    timezone: Europe/Rome
    labels: {{site: rome}}
    silence: 10m
"""

SHOWN = """\
state: /var/lib/esa-forwarder
inputs:
- type: stdin
  appliance: null
  timezone: null
appliances: {}
known_appliances_only: false
outputs:
  siem:
    type: server
    batch:
      max_documents: 10000
      max_bytes: 20MB
      max_age: 100ms
    retry:
      initial_pause: 1s
      max_pause: 1m
    documents:
      profile: full
      client: true
      server: true
      message: true
      source_user: true
      user_id: true
    filter:
      keep: []
      drop: []
    when_full: drop_oldest
    hosts:
    - a
    api_key: null
    port: 9200
    verify: true
    login:
      user: forwarder
      password: null
    headers: {}
silence: null
documents:
  session_events: true
  original: true
  namespace: default
  agent_name: null
  tags: []
  labels: {}
  filter:
    keep: []
    drop: []
  geoip: null
spool:
  max_bytes: 1GB
dead_letters:
  max_bytes: 250MB
log:
  format: logfmt
  level: info
http: null
"""


def test_every_default_is_shown(tmp_path: Path) -> None:
    """In the order of the reference."""
    assert show(read(tmp_path, LEAST)) == SHOWN


@pytest.mark.parametrize("text", [LEAST, WHOLE, FLEET])
def test_what_is_shown_means_the_same(tmp_path: Path, text: str) -> None:
    """But for the secrets."""
    config = read(tmp_path, text, KEY="12345678", PORT="1")
    again = read(tmp_path, show(config))
    assert again.inputs == config.inputs
    assert again.appliances.by_name == config.appliances.by_name
    assert again.appliances.known_only == config.appliances.known_only
    assert again.silence_of("private-1") == config.silence_of("private-1")
    assert again.silence_of("other") == config.silence_of("other")
    assert again.documents == config.documents
    assert again.spool == config.spool
    assert again.log == config.log
    assert [x.delivery for x in again.outputs.values()] == [
        x.delivery for x in config.outputs.values()
    ]
    assert show(again) == show(config)


def test_secrets_are_masked(tmp_path: Path) -> None:
    """What the plugin calls one, what comes from a file, and what is in a URL."""
    (tmp_path / "user").write_text("hunter2\n")
    text = LEAST.replace("siem: {type: server, hosts: [a]}", "token:\n    type: server\n    HERE")
    here = """\
hosts:
    - https://root:hunter2@host:9200/x
    - ${HOST}
    - $${A}
    - "no"
    - http://web/?a=${PASSWORD}
    - http://a@b/c?hunter2
    - http://web?a
    api_key: hunter2hunter2
    login: {user: "${file:FILE}", password: "${PASSWORD}"}
    headers: {X-Any: hunter2}
""".replace("FILE", str(tmp_path / "user"))
    shown = show(read(tmp_path, text.replace("HERE", here), PASSWORD="hunter2", HOST="web"))
    assert "hunter2" not in shown
    output = shown[shown.index("    hosts:") : shown.index("\nsilence:") + 1]
    assert (
        output
        == """\
    hosts:
    - https://********@host:9200/x
    - web
    - $${A}
    - no
    - http://web/?********
    - http://********@b/c?********
    - http://web?a
    api_key: '********'
    port: 9200
    verify: true
    login:
      user: '********'
      password: '********'
    headers:
      X-Any: '********'
"""
    )
