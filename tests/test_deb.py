"""The Debian package: what it installs, that it runs with and without systemd, what it leaves."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.faults.program import wait_until
from tests.machine import NOTHING, SYSTEMD, CommandError, Machine
from tests.services import logins
from tests.test_docs import README, block

ROOT = Path(__file__).parents[1]
CONFIG = "/etc/esa-forwarder/config.yaml"
LOG = "/srv/esa/esa1.example.com/mail.current"
DOCUMENTS = "/var/log/esa-forwarder/auth.ndjson"
PROGRAMS = ("dpkg-deb", "nsenter", "setpriv", "unshare")

pytestmark = pytest.mark.xdist_group("deb")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Build the package as `make deb` does."""
    if os.geteuid() != 0:
        pytest.skip("a machine to install on needs the rights of root")
    if missing := [x for x in PROGRAMS if shutil.which(x) is None]:
        pytest.skip(f"{', '.join(missing)}: not installed")
    if subprocess.run(["unshare", "--mount", "true"], check=False).returncode:  # noqa: S607
        pytest.skip("namespaces cannot be made here, as in most containers")
    folder = tmp_path_factory.mktemp("deb")
    subprocess.run([ROOT / "examples" / "packaging" / "build-deb", folder], check=True, timeout=900)  # noqa: S603
    (built,) = folder.iterdir()
    return built.read_bytes()


@pytest.fixture
def container(package: bytes) -> Iterator[Machine]:
    """Return a machine without an init system on which the package is installed."""
    with Machine(NOTHING) as machine:
        install(machine, package)
        yield machine


@pytest.fixture
def host(package: bytes) -> Iterator[Machine]:
    """Return a machine with systemd on which the package is installed."""
    if not Path(SYSTEMD.split()[0]).exists():
        pytest.skip("systemd is not installed")
    with Machine(SYSTEMD) as machine:
        wait_until(lambda: succeeds(machine, "systemctl is-active tested.target"), "systemd")
        install(machine, package)
        yield machine


def install(machine: Machine, package: bytes) -> None:
    """Install a package whose dependencies are there."""
    machine.write("/tmp/it.deb", package)  # noqa: S108 - of that machine
    machine.run("dpkg -i /tmp/it.deb")


def configure(machine: Machine, text: str) -> None:
    """Write a configuration that the service alone can read."""
    machine.write(CONFIG, text.encode())
    machine.run(f"chgrp esa-forwarder {CONFIG} && chmod 640 {CONFIG}")


def succeeds(machine: Machine, command: str) -> bool:
    """Say whether a command has the exit code 0."""
    try:
        machine.run(command)
    except CommandError:
        return False
    return True


def has_delivered(machine: Machine, count: int) -> bool:
    """Say whether so many documents are in the file of the README's configuration."""
    return succeeds(machine, f"test $(wc -l <{DOCUMENTS}) = {count}")


def test_the_program_runs_without_systemd_and_goes_when_it_is_removed(container: Machine) -> None:
    """Configuration and state stay until the package is purged, and documents even then."""
    assert container.run("esa-forwarder --version").startswith("esa-forwarder, version ")
    assert container.run("stat -c '%U:%G %a' /etc/esa-forwarder /var/lib/esa-forwarder") == (
        "root:esa-forwarder 750\nesa-forwarder:esa-forwarder 700\n"
    )
    assert not container.run("find /proc -maxdepth 1 -user esa-forwarder")

    configure(container, block("config"))
    container.write(LOG, logins(1, 2))
    run = container.start(
        f"echo $$ >/run/service.pid; exec {be('esa-forwarder')} esa-forwarder run -c {CONFIG}"
    )
    wait_until(lambda: has_delivered(container, 2), "the documents")
    container.run("kill $(cat /run/service.pid)")
    _, said = run.communicate(timeout=60)
    assert run.returncode == 0, said

    container.run("dpkg --remove esa-forwarder")
    container.run(f"test ! -e /usr/bin/esa-forwarder -a ! -e /opt/esa-forwarder -a -e {CONFIG}")
    assert not container.run("find /usr/lib/systemd /usr/share -name '*esa-forwarder*'")
    container.run("dpkg --purge esa-forwarder")
    container.run("test ! -e /etc/esa-forwarder -a ! -e /var/lib/esa-forwarder")
    assert has_delivered(container, 2)


def test_an_installation_by_pip_is_not_mixed_with_the_package(
    container: Machine, package: bytes
) -> None:
    """It says what to do."""
    container.run("dpkg --purge esa-forwarder && mkdir -p /opt/esa-forwarder")
    container.write("/opt/esa-forwarder/pyvenv.cfg", b"")
    with pytest.raises(CommandError, match="remove this folder first"):
        install(container, package)


def test_the_steps_of_the_readme_make_a_service(package: bytes) -> None:
    """From a first try to systemd, without the Debian package: only the program is there."""
    _, _, text = README.read_text().partition("\n## Run it beside the logs\n")
    text, _, _ = text.partition("\n### Everyday commands\n")
    steps = re.findall(r"^\$ (.*?)(?: +#.*)?$", text, re.MULTILINE)
    assert len(steps) > 12
    with Machine(SYSTEMD) as machine:
        wait_until(lambda: succeeds(machine, "systemctl is-active tested.target"), "systemd")
        machine.write("/tmp/it.deb", package)  # noqa: S108 - of that machine
        machine.run("dpkg-deb -x /tmp/it.deb /tmp/it && mv /tmp/it/opt/esa-forwarder /opt/")
        machine.run("ln -s /opt/esa-forwarder/bin/esa-forwarder /usr/local/bin/")
        page = "/tmp/it/usr/share/man/man1/esa-forwarder.1.gz"  # noqa: S108
        assert "dead-letters replay" in machine.run(f"man -l {page} | cat")
        machine.run("useradd alice; groupadd esa-upload")
        for path in (ROOT / "examples" / "systemd").iterdir():
            machine.write(f"/examples/systemd/{path.name}", path.read_bytes())
        machine.write(LOG, logins(1, 2))
        machine.run("chgrp -R esa-upload /srv/esa && chmod -R o=,g=rX /srv/esa")
        machine.run("usermod -aG esa-upload alice")
        for step in steps:
            if step.startswith("sudo install"):
                machine.run(f"USER=alice; {as_root(step)}")
            elif step.startswith("sudo "):
                machine.run(as_root(step))
            elif not step.startswith("export "):
                machine.write(CONFIG, block("config").encode())
                # It runs to its end, so that it does not run when its state is asked for.
                ending = {"run": " --once", "status": "; test $? = 2"}.get(step.split()[-1], "")
                machine.run(f"{be('alice')} env ESA_FORWARDER_CONFIG={CONFIG} {step}{ending}")
        machine.write(LOG, logins(1, 2, 3))
        wait_until(lambda: has_delivered(machine, 3), "what came after the first try")
        assert machine.run(f"stat -c '%U:%G %a' {CONFIG}") == "root:esa-forwarder 640\n"


def as_root(step: str) -> str:
    """Return a step without sudo, as which it is run."""
    user, command = re.fullmatch(r"sudo (?:-u (\S+) )?(.*)", step).groups()  # type: ignore[union-attr]
    return f"{be(user)} {command}" if user else command


def be(user: str) -> str:
    """Return what runs a command as a user."""
    return f"setpriv --reuid {user} --regid {user} --init-groups"


HARD = """\
log: {{format: json}}
http: {{listen: 9273}}
inputs:
  - {{type: files, paths: ["/srv/esa/{{appliance}}/mail*"]}}
  - {{type: syslog, listen: udp://127.0.0.1:5514}}
  - {{type: syslog, listen: tcp://127.0.0.1:5514}}
  - {{type: syslog, listen: unix:///run/esa-forwarder/log.sock}}
outputs:
  archive: {{type: file, path: {DOCUMENTS}}}
  packed:
    {{type: file, path: /var/log/esa-forwarder/packed, rotate: {{max_bytes: 1kB}}, gzip: true,
      batch: {{max_documents: 1}}}}
  siem:
    type: elasticsearch
    hosts: ["https://localhost:9200"]
    api_key: ${{file:/run/credentials/esa-forwarder.service/es_api_key}}
"""


def test_the_hardened_unit_lets_the_service_work(host: Machine, package: bytes) -> None:
    """All inputs, an output that cannot be reached, a reload, an upgrade; journal and status."""
    host.run("systemctl start esa-forwarder")
    assert not succeeds(host, "systemctl is-active esa-forwarder")  # no configuration

    host.write("/etc/esa-forwarder/es_api_key", b"VuaCfGcBCdbkQm-e5aOx:ui2lp2axTNmsyakw9tvNnw\n")
    host.run("chmod 600 /etc/esa-forwarder/es_api_key")
    host.write(
        "/etc/systemd/system/esa-forwarder.service.d/override.conf",
        b"[Service]\nLoadCredential=es_api_key:/etc/esa-forwarder/es_api_key\n",
    )
    configure(host, HARD.format(DOCUMENTS=DOCUMENTS))
    host.write(LOG, logins(1, 2))
    host.run("ip link set lo up && systemctl daemon-reload && systemctl enable --now esa-forwarder")
    wait_until(lambda: has_delivered(host, 2), "the documents")
    for number, to in enumerate(
        ("udp://127.0.0.1:5514", "tcp://127.0.0.1:5514", "unix:///run/esa-forwarder/log.sock")
    ):
        host.write("/tmp/mail.current", logins(10 + number))  # noqa: S108 - of that machine
        host.run(f"esa-forwarder send --to {to} --host esa2.example.com /tmp/mail.current")
        wait_until(partial(has_delivered, host, 3 + number), f"what came over {to}")
    configure(host, HARD.format(DOCUMENTS=DOCUMENTS).replace("siem:", "moved:"))
    host.run("systemctl reload esa-forwarder")
    wait_until(lambda: any("in use" in x["event"] for x, _ in events(host)), "the reload")
    status = f"{be('esa-forwarder')} esa-forwarder status -c {CONFIG}"
    wait_until(lambda: "moved" in host.run(f"{status}; test $? = 1"), "what needs attention")
    shown = "systemctl show -P StatusText esa-forwarder"
    wait_until(lambda: "moved" in host.run(shown), "the same in the status of the unit")
    assert not succeeds(host, "setpriv --reuid nobody cat /run/credentials/*/es_api_key")

    process = "$(systemctl show -P MainPID esa-forwarder)"
    assert host.run(f"grep -E '^(CapBnd|Seccomp|NoNewPrivs):' /proc/{process}/status").split() == [
        *("CapBnd:", "0000000000000000"),
        *("NoNewPrivs:", "1"),
        *("Seccomp:", "2"),
    ]
    found = {x["event"]: y for x, y in events(host)}
    assert found["The service has begun."] == "6"
    assert found["Output unavailable; delivery is retried until it succeeds."] == "4"

    packed = "ls /var/log/esa-forwarder/packed.*.gz"
    wait_until(lambda: succeeds(host, packed), "a compressed file")
    ask = 'from urllib.request import urlopen as o; o("http://localhost:9273/healthz").read()'
    host.run(f"python3 -c {shlex.quote(ask)}")
    before = host.run(f"echo {process}")
    install(host, package)  # as an upgrade does
    assert host.run(f"echo {process}") not in {before, "0\n"}
    host.run("dpkg --remove esa-forwarder")
    assert not host.run("find /proc -maxdepth 1 -user esa-forwarder")


def events(machine: Machine) -> list[tuple[dict[str, str], str]]:
    """Return the events that are in the journal, each with its priority."""
    lines = machine.run("journalctl -u esa-forwarder -t esa-forwarder -o json --no-pager")
    entries = map(json.loads, lines.splitlines())
    return [(json.loads(x["MESSAGE"]), x["PRIORITY"]) for x in entries]
