"""Writes small databases in MaxMind's format (maxmind.github.io/MaxMind-DB)."""

import struct
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

_NODE_BYTES = 6  # two records of 24 bits


def database(networks: Mapping[str, Any], version: int = 6) -> bytes:
    """Make a database of what is known of networks, none of which is within another."""
    tree: list[list[int | None]] = [[None, None]]  # a node, or minus the offset of data and one
    data = b""
    for text, record in networks.items():
        network = ip_network(text)
        bits = f"{int(network.network_address):0{network.max_prefixlen}b}"[: network.prefixlen]
        if version == 6 and network.version == 4:
            bits = "0" * 96 + bits
        node = 0
        for bit in map(int, bits[:-1]):
            below = tree[node][bit]
            if below is None:
                below = tree[node][bit] = len(tree)
                tree.append([None, None])
            node = below
        tree[node][int(bits[-1])] = -len(data) - 1
        data += _encode(record)
    number = len(tree)

    def pack(value: int | None) -> bytes:
        value = number if value is None else value
        return (number + 16 - value - 1 if value < 0 else value).to_bytes(3, "big")

    metadata = {
        "node_count": number,
        "record_size": 24,
        "ip_version": version,
        "database_type": "Test",
        "languages": ["en"],
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1,
        "description": {"en": "Test"},
    }
    nodes = b"".join(pack(x) for node in tree for x in node)
    return nodes + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + _encode(metadata)


def _encode(value: Any) -> bytes:  # noqa: ANN401 - what JSON has
    match value:
        case str():
            return _head(2, len(value.encode())) + value.encode()
        case float():
            return _head(3, 8) + struct.pack(">d", value)
        case int():
            return _head(6, 4) + value.to_bytes(4, "big")
        case dict():
            pairs = b"".join(_encode(x) + _encode(y) for x, y in value.items())
            return _head(7, len(value)) + pairs
        case _:
            return bytes([len(value), 11 - 7]) + b"".join(map(_encode, value))


def _head(kind: int, size: int) -> bytes:
    return bytes([kind << 5 | size]) if size < 29 else bytes([kind << 5 | 29, size - 29])
