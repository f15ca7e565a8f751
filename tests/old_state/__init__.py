"""A state as version 0.1.0 left it, and the logs that it had read by then.

``state.gz`` is its ``spool.db``: the service had read these logs to where they end here, was asked
to stop, and had delivered everything. It was configured to read ``logs/esa1/mail*`` as those of the
appliance ``esa1``, ``logs/relay/mail*`` with the hosts of syslog headers as appliances, and
standard input as that of ``piped``. In each, connections and a session are open; ``mail.current``
ends within a line.
"""

import gzip
from pathlib import Path


def line(second: int, text: bytes) -> bytes:
    """Give a line of a file."""
    return b"Tue Mar  3 10:%02d:%02d 2026 Info: %b\n" % (*divmod(second, 60), text)


def relayed(second: int, host: bytes, text: bytes) -> bytes:
    """Give a line as a relay has it."""
    minute = divmod(second, 60)
    return b"2026-03-03T10:%02d:%02d+00:00 %b mail_logs: Info: %b\n" % (*minute, host, text)


def opened(number: int, last: int) -> bytes:
    """Open a client's connection."""
    return (
        b"New SMTP ICID %d interface Data 1 (192.0.2.25) address 203.0.113.%d reverse dns host x"
        b" verified no" % (number, last)
    )


def login(number: int, user: bytes, outcome: bytes = b"succeeded") -> bytes:
    """Log in on it."""
    return b"SMTP Auth: (ICID %d) %b for user: %b using AUTH mechanism: PLAIN with profile: P" % (
        number,
        outcome,
        user,
    )


HEADER = (
    line(0, b"Begin Logfile")
    + line(0, b"Version: 15.5.1-055 SN: 564D-01")
    + line(0, b"Time offset from UTC: 0 seconds")
)
CLOSED = HEADER + line(1, opened(1, 1)) + line(2, login(1, b"a")) + line(3, b"End Logfile")
LIVE = (
    HEADER.replace(b"10:00:00", b"10:00:04")
    + line(5, opened(2, 2))
    + line(6, b"ICID 2 TLS success protocol TLSv1.2 cipher A")
    + line(7, login(2, b"b", b"failed"))
    + line(8, login(2, b"b"))
    + line(9, b"Start MID 7 ICID 2")
    + line(9, b"MID 7 ICID 2 RID 0 To: <x@example.com>")
    + line(10, b"New SMTP DCID 3 interface 192.0.2.25 address 198.51.100.3 port 25")
    + line(11, b"MID 7 ready 500 bytes from <b@example.com>")[:-9]
)
RELAY = (
    relayed(5, b"gate", opened(2, 4)) + relayed(6, b"gate", login(2, b"c"))
    + relayed(7, b"other", opened(2, 5)) + relayed(8, b"other", login(9, b"d"))
)  # fmt: skip
STDIN = line(5, opened(2, 6)) + line(6, login(2, b"e"))
DELIVERED = 6


def unpack(state: Path) -> None:
    """Put the state into a folder."""
    state.mkdir(mode=0o700)
    compressed = Path(__file__).with_name("state.gz").read_bytes()
    (state / "spool.db").write_bytes(gzip.decompress(compressed))
    (state / "spool.db").chmod(0o600)
