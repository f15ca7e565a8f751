"""What a right parser makes of a corpus: one `Expected` an event, and the files it was told of.

The truth comes from the generator's own plan of every connection, never from reading the printed
line again, so a mistake in a grammar cannot hide itself here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

# `Expected` has a field called `bytes`, which hides the type within the class.
Raw: TypeAlias = bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One event that the program must emit.

    Attributes:
        appliance: Name of the appliance, the first folder of `path`.
        path: File of the line, relative to the root of the corpus.
        offset: Bytes from the start of the file to the first byte of the line.
        line: The whole line, without its newline.
        time: Time of the line, UTC.
        utc_offset: Local time minus UTC, from the header of the file.
        serial: Serial number from the header of the file.
        action: `event.action`.
        outcome: `success`, `failure`, or None where neither was printed.
        direction: `inbound` or `outbound`.
        number: ICID or DCID, None where the line has none.
        ordinal: How many times this very line occurred before on its connection.
        correlated: Whether the `New` line of the connection was in the corpus.
        start: Time of the `New` line, UTC.
        source: Address of the client; outbound, the interface where it was printed as an address.
        destination: Address of the listener; outbound, the address of the smart host.
        port: Port of the smart host.
        listener: Name of the interface, inbound only.
        reverse_dns: Name of the client as printed, None for `unknown`.
        verified: Whether the appliance verified that name.
        policy: `ACCEPT`, `RELAY`, `REJECT` as printed.
        group: Sender group as printed, also where it is the text `None`.
        match: What put the client into the group, None where it was blank or missing.
        sbrs: Reputation score, None for all text values.
        country: Country, None for `not enabled` and `not applicable`.
        tls_established: True after `TLS success`, False after `TLS failed`, None without either.
        tls_protocol: Protocol as printed.
        tls_cipher: Cipher as printed.
        user: User name, the bytes of the line.
        mechanism: SASL mechanism.
        profile: Authentication profile, of either direction.
        server: Forwarding server that could not be reached.
        reason: Why it could not, where printed.
        response_code: Code of the smart host's answer.
        enhanced_code: Enhanced status code at the start of the first text of the answer.
        response_text: Texts of the answer, escapes undone, joined by one space.
        response_texts: The same, apart.
        auth_successes: Logins that succeeded on the connection; here and below, session events.
        auth_failures: Logins that failed on it, also those before the first success.
        users: Users whose login succeeded, in order, each once.
        messages: Messages started after the first success and not aborted.
        recipients: Recipients of those messages.
        bytes: Size of those messages, None where no size was logged.
        close_reason: `close`, `lost` or `superseded`.
    """

    appliance: str
    path: str
    offset: int
    line: Raw
    time: datetime
    utc_offset: timedelta
    serial: str | None
    action: str
    outcome: str | None
    direction: str
    number: int | None
    ordinal: int
    correlated: bool
    start: datetime | None = None
    source: str | None = None
    destination: str | None = None
    port: int | None = None
    listener: str | None = None
    reverse_dns: str | None = None
    verified: bool | None = None
    policy: str | None = None
    group: str | None = None
    match: str | None = None
    sbrs: float | None = None
    country: str | None = None
    tls_established: bool | None = None
    tls_protocol: str | None = None
    tls_cipher: str | None = None
    user: Raw | None = None
    mechanism: str | None = None
    profile: str | None = None
    server: str | None = None
    reason: str | None = None
    response_code: int | None = None
    enhanced_code: str | None = None
    response_text: str | None = None
    response_texts: tuple[str, ...] = ()
    auth_successes: int | None = None
    auth_failures: int | None = None
    users: tuple[Raw, ...] = ()
    messages: int | None = None
    recipients: int | None = None
    bytes: int | None = None
    close_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files and what is in them.

    Attributes:
        files: Content by path relative to the root, in reading order: appliances by name, files
            by the stamp in their name, `mail.current` last.
        expected: The events, in the same order.
    """

    files: dict[str, bytes]
    expected: list[Expected]
