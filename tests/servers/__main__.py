"""Builds all servers: ``python -m tests.servers``; what is there already stays as it is."""

import sys

from tests.servers.elasticsearch.building import build as build_elasticsearch
from tests.servers.fixtures import VERSIONS
from tests.servers.opensearch.running import build as build_opensearch
from tests.servers.syslog.syslog_ng import build as build_syslog_ng
from tests.servers.toxiproxy.running import build as build_toxiproxy

for version in VERSIONS:
    sys.stdout.write(f"{build_elasticsearch(version).folder}\n")
sys.stdout.write(f"{build_opensearch()}\n")
sys.stdout.write(f"{build_toxiproxy()}\n")
sys.stdout.write(f"{build_syslog_ng()}\n")
