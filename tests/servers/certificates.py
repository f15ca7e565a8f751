"""Certificates of an authority of our own."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

ADDRESS = "127.0.0.1"
"""The only name in them: ``localhost`` is another."""


class Authority:
    """An authority, and what it has issued."""

    def __init__(self, folder: Path) -> None:
        """Make one; its certificate is written into a folder."""
        self._authority = trustme.CA()
        self.path = folder / "ca.pem"
        """Its certificate."""
        self._authority.cert_pem.write_to_path(self.path)

    def issue(self, certificate: Path, key: Path, *, lasts: timedelta = timedelta(days=90)) -> None:
        """Write a certificate with the authority's behind it, and its key.

        Args:
            certificate: Where to.
            key: Where to.
            lasts: From now; if it is before now, it has expired.
        """
        issued = self._authority.issue_cert(ADDRESS, not_after=datetime.now(UTC) + lasts)
        # A server reads each when it changes: a key without its certificate would be an error.
        issued.private_key_pem.write_to_path(key)
        chain = b"".join(x.bytes() for x in issued.cert_chain_pems)
        certificate.write_bytes(chain + self._authority.cert_pem.bytes())

    def context(self, folder: Path, *, lasts: timedelta = timedelta(days=90)) -> ssl.SSLContext:
        """Make what a server in this process listens with."""
        certificate, key = folder / "server.pem", folder / "server.key"
        self.issue(certificate, key, lasts=lasts)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        return context
