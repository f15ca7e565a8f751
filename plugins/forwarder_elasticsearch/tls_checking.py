"""What a node shows of itself by TLS, and until when."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from forwarder import Finding, Unavailable
from forwarder_elasticsearch import tls
from forwarder_elasticsearch.settings import Settings

_SOON = timedelta(days=14)
"""Enough for whoever has to ask somebody for a new certificate."""


def look_at_tls(settings: Settings, url: str, now: datetime) -> Finding:
    """Connect to a node as the output would.

    Args:
        settings: Of the output.
        url: Of the node.
        now: To see how long the certificate holds.
    """
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 0)
    seconds = settings.connect_timeout.total_seconds()
    try:
        context = tls.make_context(settings, [address])
        try:
            ends = _fetch_end(address, context, seconds)
        except ssl.SSLError as error:
            return _bad(url, tls.explain(error) + _since(error, address, context, seconds))
    except Unavailable as error:
        return _bad(url, str(error))
    except OSError as error:
        words = error.strerror or str(error)
        advice = "See whether it runs, and whether hosts and firewalls are right."
        return Finding(good=False, text=f"{url} cannot be reached: {words}", advice=advice)
    if ends is None:
        advice = "Name the authority in ca_certs or ca_trusted_fingerprint, and leave verify out."
        text = f"{url}: its certificate is not verified (verify: none)"
        return Finding(good=False, text=text, advice=advice)
    text = f"{url}: its certificate holds until {ends:%Y-%m-%d %H:%M} UTC"
    if ends - now < _SOON:
        return Finding(good=False, text=text, advice="Give the server a new one before that.")
    return Finding(good=True, text=text)


def _bad(url: str, words: str) -> Finding:
    text, _, advice = words.partition("; ")
    return Finding(good=False, text=f"{url}: {text}", advice=advice[:1].upper() + advice[1:] + ".")


def _fetch_end(address: tls.Address, context: ssl.SSLContext, seconds: float) -> datetime | None:
    """Fetch until when a certificate holds; None where it is not verified."""
    with (
        socket.create_connection(address, seconds) as plain,
        context.wrap_socket(plain, server_hostname=address[0]) as secure,
    ):
        certificate = secure.getpeercert()
    if not certificate:
        return None
    ends = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return datetime.fromtimestamp(ends, UTC)


def _since(
    error: ssl.SSLError, address: tls.Address, context: ssl.SSLContext, seconds: float
) -> str:
    """Say since when a certificate has expired."""
    if not tls.has_expired(error):
        return ""
    tls.without_time(context)
    try:
        ends = _fetch_end(address, context, seconds)
    except OSError:
        return ""
    return "" if ends is None else f" (it was good until {ends:%Y-%m-%d %H:%M} UTC)"
