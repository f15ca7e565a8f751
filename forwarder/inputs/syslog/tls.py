"""The server's side of TLS: a context of the certificate, the key and who may connect."""

import ssl

from forwarder.errors import ForwarderError
from forwarder.inputs.syslog.address import TlsSettings

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class _PasswordError(Exception):
    """The key has a password."""


def server_context(settings: TlsSettings) -> ssl.SSLContext:
    """Read the files; raise ForwarderError, whose message names the file and what is wrong."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.min_version]
    # A sender never reads. It would close with a ticket unread, and the system would reset the
    # connection, and drop what it has received.
    context.num_tickets = 0
    for file in filter(None, (settings.certificate, settings.key, settings.client_ca)):
        try:
            file.read_bytes()
        except OSError as error:
            raise ForwarderError(f"{file} cannot be read: {error.strerror}") from error
    try:
        context.load_cert_chain(settings.certificate, settings.key, _refuse_password)
    except _PasswordError:
        raise ForwarderError(f"{settings.key} has a password; store the key without one") from None
    except ssl.SSLError as error:
        raise ForwarderError(
            f"{settings.certificate} and {settings.key} are not a certificate and its key in PEM:"
            f" {error.reason or error}"
        ) from error
    if settings.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(settings.client_ca)
        except ssl.SSLError as error:
            raise ForwarderError(
                f"{settings.client_ca} has no certificate in PEM: {error.reason or error}"
            ) from error
    return context


def _refuse_password() -> str:
    raise _PasswordError
