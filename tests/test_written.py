"""What the service writes: readable by whom, whatever the umask, and without its secrets."""

import json
import os
import re
import signal
import stat
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from forwarder.masking import MASK
from tests.bulk_server import Answer, Asked, BulkServer
from tests.faults.program import COMMAND, Program, wait_until
from tests.servers.certificates import Authority
from tests.servers.running import free_ports
from tests.services import append, logins

SECRETS = {
    "KEY": "VuaCfGcBCdbkQm-e5aOx:ui2lp2axTNmsyakw9tvNnw",
    "PASSWORD": "of-a-variable-1617",
    "file": "of-a-file-181920",
    "written": "of-the-configuration-2122",
    "token": "of-the-pages-23242526",
}
CONFIG = """\
state: {folder}/state
inputs:
  - {{type: files, paths: ["{folder}/logs/{{appliance}}/mail*"]}}
  - {{type: syslog, listen: "unix://{folder}/log.sock"}}
  - type: syslog
    listen: tls://127.0.0.1:{port}
    tls: {{certificate: "{folder}/server.pem", key: "{folder}/server.key"}}
outputs:
  archive:
    {{type: file, path: "{folder}/out/auth.ndjson", rotate: {{max_bytes: 4kB}}, gzip: true,
      batch: {{max_documents: 1, max_age: 10ms}}}}
  siem: {{type: elasticsearch, hosts: ["{siem}"], api_key: "${{KEY}}", batch: {{max_age: 10ms}}}}
  lab: {{type: opensearch, hosts: ["{lab}"], username: u, password: "${{PASSWORD}}"}}
  old: {{type: opensearch, hosts: ["{lab}"], username: u, password: "${{file:{folder}/password}}"}}
  away: {{type: opensearch, hosts: ["http://127.0.0.1:1"], username: u, password: {written}}}
http: {{listen: "127.0.0.1:{http}", token: {token}}}
log: {{level: debug}}
"""
MODES = {
    r"state": 0o700,
    r"state/[^/]+": 0o600,
    r"out/\.?auth\.ndjson[^/]*": 0o640,
}
"""Of all that is written: for the user of the service, and at most its group."""

WRITTEN = ("state", "out")
COMMANDS = (
    ("check",),
    ("config", "show"),
    ("dead-letters", "list"),
    ("dead-letters", "show", "1"),
    ("status",),
    ("status", "--format", "json"),
)
PAGES = ("/", "/healthz", "/metrics", "/readyz", "/nowhere")


def encoded(secret: str) -> str:
    """Encode a secret as in the header of a request, with its user or without."""
    return b64encode((secret if ":" in secret else f"u:{secret}").encode()).decode()


def refuse(asked: Asked) -> Answer:
    """Reject every document, and repeat what the request was sent with."""
    said = f"because of {asked.headers['authorization']}"
    ids = [json.loads(x)["create"]["_id"] for x in asked.body.split(b"\n")[:-1:2]]
    failure = {"status": 400, "error": {"type": "t", "reason": said}}
    return Answer(200, {"errors": True, "items": [{"create": {"_id": x, **failure}} for x in ids]})


def page(program: Program, path: str) -> str:
    """Return what the service serves, with its headers."""
    (port,) = re.findall(r"http: .*:(\d+)", program.config.read_text())
    headers = {"Authorization": f"Bearer {SECRETS['token']}"}
    answer = urllib3.request(
        "GET", f"http://127.0.0.1:{port}{path}", headers=headers, retries=False
    )
    return f"{answer.headers}{answer.data.decode()}"


def without_umask() -> None:
    """Let files have the modes with which they are created."""
    os.umask(0)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """Return a service with inputs and outputs of each kind, that runs with no umask."""
    siem, lab = BulkServer(product="Elasticsearch"), BulkServer()
    siem.answer = lab.answer = refuse
    (tmp_path / "out").mkdir()
    (tmp_path / "password").write_text(SECRETS["file"])
    Authority(tmp_path).issue(tmp_path / "server.pem", tmp_path / "server.key")
    path = tmp_path / "esa.yaml"
    urls = {"siem": siem.url, "lab": lab.url}
    port, http = free_ports(2)
    values = {"folder": tmp_path, "port": port, "http": http, **SECRETS}
    path.write_text(CONFIG.format_map(urls | values))
    program = Program(path, environment={x: SECRETS[x] for x in ("KEY", "PASSWORD")})
    append(tmp_path, logins(*range(1, 6)))
    program.start(before=without_umask)
    yield program
    program.finish()
    siem.stop()
    lab.stop()


def shown(program: Program, *command: str) -> str:
    """Run a command; return all that it prints."""
    done = subprocess.run(  # noqa: S603
        [*COMMAND, *command, "-c", program.config],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {x: SECRETS[x] for x in ("KEY", "PASSWORD")},
    )
    return done.stdout + done.stderr


def test_it_is_for_its_user_and_has_no_secrets(program: Program, tmp_path: Path) -> None:
    """Spool, dead letters, rotated files, sockets, its log, and what commands print."""
    program.await_log("Output rejects ", times=3)
    program.await_log("Output unavailable")
    wait_until(lambda: list((tmp_path / "out").glob("*.gz")), "a compressed file")
    assert stat.S_IMODE((tmp_path / "log.sock").stat().st_mode) == 0o660
    (tmp_path / "esa.yaml").write_text(f"{(tmp_path / 'esa.yaml').read_text()}nonsense: 1\n")
    program.send(signal.SIGHUP)
    program.await_log("The new configuration is not valid")
    (tmp_path / "esa.yaml").write_text((tmp_path / "esa.yaml").read_text().replace("nonsense", "#"))
    said = {" ".join(x): shown(program, *x) for x in COMMANDS}
    said |= {x: page(program, x) for x in PAGES}
    assert MASK in said["config show"]
    assert MASK in said["/"]
    assert MASK in said["dead-letters show 1"]

    program.end()
    paths = [x for x in tmp_path.rglob("*") if x.parts[len(tmp_path.parts)] in WRITTEN]
    written = {str(x.relative_to(tmp_path)): x for x in paths if x.name != "out"}
    modes = {x: oct(stat.S_IMODE(y.lstat().st_mode)) for x, y in written.items()}
    expected = {x: oct(z) for x in modes for y, z in MODES.items() if re.fullmatch(y, x)}
    assert modes == expected
    assert [x for x in MODES if not any(re.fullmatch(x, y) for y in modes)] == []

    said |= {x: y.read_bytes().decode("latin") for x, y in written.items() if y.is_file()}
    said["log"] = program.log
    key = (tmp_path / "server.key").read_text().splitlines()[1]
    for secret in [*SECRETS.values(), *map(encoded, SECRETS.values()), key]:
        assert [x for x, y in said.items() if secret[:12] in y] == []
