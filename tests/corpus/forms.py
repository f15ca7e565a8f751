"""The forms of line that carry facts, as the appliance prints them.

Each function prints one form and says what it means. The forms are those of Cisco tech note 118570
and of the appliance's own message templates.
"""

from typing import Literal

from tests.corpus.facts import (
    Aborted,
    Addressed,
    Attempted,
    Ended,
    Judged,
    Opened,
    Said,
    Secured,
    Side,
    Sized,
    Started,
)
from tests.corpus.variants import SCHEMES, Answer, Hat, Listener, Scheme, Tls

# Newer releases print a colon after `SMTP Auth`, older ones do not.
Auth = Literal[b"SMTP Auth:", b"SMTP Auth"]


def new_inbound(
    number: int, listener: Listener, address: str, host: str | None, *, verified: bool = False
) -> Said:
    """`New SMTP ICID 450 interface mail (172.16.155.16) address 172.16.155.102 reverse dns ...`.

    Args:
        number: The ICID.
        listener: The interface, and how the line spells it.
        address: The client.
        host: Its reverse DNS name, None for an old release, which does not print it.
        verified: Whether the name was verified.
    """
    text = listener.form.format(
        number=number, name=listener.name, ip=listener.address, address=address
    )
    if host is not None:
        text += f" reverse dns host {host} verified {'yes' if verified else 'no'}"
    return Said(
        text.encode(),
        Opened(
            side="inbound",
            number=number,
            listener=listener.name,
            source=address,
            destination=listener.address,
            reverse_dns=None if host == "unknown" else host,
            verified=None if host is None else verified,
        ),
    )


def hat(number: int, printed: Hat) -> Said:
    """`ICID 450 ACCEPT SG None match ALL SBRS None`."""
    return Said(b"ICID %d %b" % (number, printed.text.encode()), Judged(number, printed.verdict))


def delayed_reject(number: int, address: str) -> Said:
    """`ICID 450 Delayed HAT REJECT continuing session for recipient logging (172.16.155.102)`."""
    text = f"ICID {number} Delayed HAT REJECT continuing session for recipient logging ({address})"
    return Said(text.encode())


def tls(side: Side, number: int, printed: Tls) -> Said:
    """`ICID 450 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384`."""
    label = "ICID" if side == "inbound" else "DCID"
    return Said(
        f"{label} {number} TLS {printed.text}".encode(),
        Secured(side, number, printed.established, printed.protocol, printed.cipher),
    )


def login(
    number: int,
    outcome: Literal["success", "failure"],
    user: bytes,
    scheme: Scheme = SCHEMES[0],
    auth: Auth = b"SMTP Auth:",
) -> Said:
    """`SMTP Auth: (ICID 450) succeeded for user: ironport using AUTH mechanism: PLAIN with ...`.

    Args:
        number: The ICID.
        outcome: Whether the login succeeded.
        user: The user name, as the client sent it.
        scheme: The mechanism, and the authentication profile of the listener.
        auth: How the release begins the line.
    """
    return Said(
        b"%b (ICID %d) %b for user: %b using AUTH mechanism: %b with profile: %b"
        % (
            auth,
            number,
            b"succeeded" if outcome == "success" else b"failed",
            user,
            scheme.mechanism.encode(),
            scheme.profile.encode(),
        ),
        Attempted(
            side="inbound",
            number=number,
            action="smtp-authentication",
            outcome=outcome,
            user=user,
            mechanism=scheme.mechanism,
            profile=scheme.profile,
        ),
    )


def misconfigured(number: int, profile: str, auth: Auth, level: str) -> Said:
    """`SMTP Auth (ICID 450) profile: P is misconfigured or missing causing an Auth failure`."""
    tail = (
        f" (ICID {number}) profile: {profile} is misconfigured or missing causing an Auth failure"
    )
    fact = Attempted(
        side="inbound",
        number=number,
        action="smtp-authentication-error",
        outcome="failure",
        profile=profile,
    )
    return Said(auth + tail.encode(), fact, level)


def unreachable(number: int, server: str, reason: str | None, auth: Auth, level: str) -> Said:
    """`SMTP Auth (ICID 450) could not reach forwarding server S with reason: R`."""
    tail = f" (ICID {number}) could not reach forwarding server {server}"
    if reason is not None:
        tail += f" with reason: {reason}"
    fact = Attempted(
        side="inbound",
        number=number,
        action="smtp-authentication-error",
        outcome="failure",
        server=server,
        reason=reason,
    )
    return Said(auth + tail.encode(), fact, level)


def lookup_failed(number: int, user: bytes, auth: Auth, level: str) -> Said:
    """`SMTP Auth (ICID 450) LDAP query/user lookup failed for user: U`."""
    fact = Attempted(
        side="inbound",
        number=number,
        action="smtp-authentication-error",
        outcome="failure",
        user=user,
    )
    text = b"%b (ICID %d) LDAP query/user lookup failed for user: %b" % (auth, number, user)
    return Said(text, fact, level)


def ldap_failed(auth: Auth, level: str) -> Said:
    """`SMTP Auth LDAP query failed, possible LDAP misconfiguration or unreachable server.`."""
    fact = Attempted(
        side="inbound", number=None, action="smtp-authentication-error", outcome="failure"
    )
    tail = b" LDAP query failed, possible LDAP misconfiguration or unreachable server."
    return Said(auth + tail, fact, level)


def not_initiated(number: int, auth: Auth, level: str) -> Said:
    """`SMTP Auth (ICID 450) was required but remote host did not initiate it`."""
    fact = Attempted(
        side="inbound", number=number, action="smtp-authentication-not-initiated", outcome=None
    )
    text = b"%b (ICID %d) was required but remote host did not initiate it" % (auth, number)
    return Said(text, fact, level)


def new_outbound(
    number: int, interface: str, address: str, port: int | None, *, named: bool
) -> Said:
    """`New SMTP DCID 5633 interface 172.16.155.16 address 172.16.155.102 port 25`.

    Args:
        number: The DCID.
        interface: The interface of the appliance.
        address: The smart host.
        port: Its port, None where the release does not print it.
        named: Whether `interface` is a name and no address.
    """
    text = f"New SMTP DCID {number} interface {interface} address {address}"
    if port is not None:
        text += f" port {port}"
    fact = Opened(
        side="outbound",
        number=number,
        source=None if named else interface,
        destination=address,
        port=port,
    )
    return Said(text.encode(), fact)


def relay_login(number: int, address: str, profile: str, answer: Answer | None, stop: str) -> Said:
    """`DCID: 5633 IP: 172.16.155.102 SMTP authentication using the profile P succeeded.`.

    Args:
        number: The DCID.
        address: The smart host.
        profile: The outgoing authentication profile.
        answer: The answer of the smart host where it refused, None where it accepted.
        stop: What ends a success: a full stop or nothing.
    """
    head = f"DCID: {number} IP: {address} SMTP authentication using the profile {profile} "
    tail = f"succeeded{stop}" if answer is None else f"failed: {answer.text}"
    fact = Attempted(
        side="outbound",
        number=number,
        action="smtp-relay-authentication",
        outcome="success" if answer is None else "failure",
        destination=address,
        profile=profile,
        response_code=None if answer is None else answer.code,
        enhanced_code=None if answer is None else answer.enhanced_code,
        response_texts=() if answer is None else answer.texts,
    )
    return Said((head + tail).encode(), fact)


def start(number: int, mid: int) -> Said:
    """`Start MID 441 ICID 450`."""
    return Said(b"Start MID %d ICID %d" % (mid, number), Started(number, mid))


def recipient(number: int, mid: int, rid: int, address: bytes) -> Said:
    """`MID 441 ICID 450 RID 0 To: <a@example.com>`."""
    return Said(b"MID %d ICID %d RID %d To: <%b>" % (mid, number, rid, address), Addressed(mid))


def ready(mid: int, size: int, sender: bytes) -> Said:
    """`MID 441 ready 2048 bytes from <a@example.com>`."""
    return Said(b"MID %d ready %d bytes from <%b>" % (mid, size, sender), Sized(mid, size))


def aborted(mid: int, why: str) -> Said:
    """`Message aborted MID 441 Receiving aborted by sender`."""
    return Said(f"Message aborted MID {mid} {why}".encode(), Aborted(mid))


def ended(side: Side, number: int, reason: Literal["close", "lost"] = "close") -> Said:
    """`ICID 450 close`, `ICID 450 lost`, `DCID 450 close`."""
    label = "ICID" if side == "inbound" else "DCID"
    return Said(f"{label} {number} {reason}".encode(), Ended(side, number, reason))
