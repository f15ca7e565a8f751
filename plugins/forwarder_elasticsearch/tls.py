"""TLS: whom we trust, and what is wrong if we do not, in words.

The client would add the authorities of ``certifi`` to those that the operator names, and verifies
no names where it compares a fingerprint. So the context is made here, and the client uses it as it
is.
"""

import hashlib
import socket
import ssl
import sys
from collections.abc import Sequence

from forwarder_bulk.causes import HUNG_UP, find_causes, has_hung_up

from forwarder import Unavailable
from forwarder_elasticsearch.settings import Settings

Address = tuple[str, int]
"""Host and port."""

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME, see X509_VERIFY_PARAM_set_flags(3)."""

# See X509_STORE_CTX_get_error(3).
_NOT_YET, _EXPIRED, _NAME, _ADDRESS = 9, 10, 62, 64
_UNKNOWN = frozenset({18, 19, 20, 21})


def make_context(settings: Settings, addresses: Sequence[Address]) -> ssl.SSLContext:
    """Make what connections are made with.

    Args:
        settings: Of the output.
        addresses: Of the cluster's nodes; asked for the authority's certificate where only its
            fingerprint is known.

    Raises:
        Unavailable: A file cannot be read, or no node has the certificate.
    """
    if settings.ca_trusted_fingerprint is not None:
        context = ssl.create_default_context(
            cadata=find_authority(settings.ca_trusted_fingerprint, addresses, settings)
        )
        # It need not be a root.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    else:
        context = _context_of_files(settings)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.verify != "full":
        context.check_hostname = False
    if settings.verify == "none":
        context.verify_mode = ssl.CERT_NONE
    if settings.client_certificate is not None:
        try:
            # With a function, OpenSSL does not ask at the terminal.
            context.load_cert_chain(
                settings.client_certificate, settings.client_key, password=lambda: ""
            )
        except (OSError, ssl.SSLError) as error:
            name = settings.client_key or settings.client_certificate
            raise Unavailable(
                f"client_certificate {str(settings.client_certificate)!r} with the key in"
                f" {str(name)!r} cannot be used: {_words(error)}; both have to be PEM, belong"
                " together, and have no passphrase"
            ) from error
    return context


def has_expired(error: ssl.SSLError) -> bool:
    """Say whether it is the time that a certificate fails by."""
    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code == _EXPIRED


def without_time(context: ssl.SSLContext) -> None:
    """Let certificates pass whose time is over, to find out when that was."""
    context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME)


def _context_of_files(settings: Settings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_certs)
    except (OSError, ssl.SSLError) as error:
        raise Unavailable(
            f"ca_certs {str(settings.ca_certs)!r} cannot be used: {_words(error)}; it has to be a"
            " file with certificates in PEM"
        ) from error


def find_authority(fingerprint: str, addresses: Sequence[Address], settings: Settings) -> bytes:
    """Fetch the certificate with a fingerprint from what nodes show.

    Whoever is in between can show it, too, but has no key for any certificate below it. So it is
    only found this way, and then trusted in the usual one.

    Returns:
        In DER.
    """
    seen = []
    errors = []
    for address in addresses:
        try:
            chain = _fetch_chain(address, settings.connect_timeout.total_seconds())
        except OSError as error:
            errors.append(f"{address[0]}:{address[1]}: {_words(error)}")
            continue
        for certificate in chain:
            found = hashlib.sha256(certificate).hexdigest()
            if found == fingerprint:
                return certificate
            seen.append(found)
    if not seen:
        raise Unavailable(f"no node can be reached: {'; '.join(errors)}")
    raise Unavailable(
        f"no node shows a certificate with the fingerprint {fingerprint}; those they show have"
        f" {', '.join(seen)}. Take the right one, or ca_certs"
    )


def _fetch_chain(address: Address, timeout: float) -> list[bytes]:
    """Fetch the certificates that a node shows, in DER, without a look at them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(address, timeout) as plain,
        context.wrap_socket(plain, server_hostname=address[0]) as secure,
    ):
        if sys.version_info >= (3, 13):
            return list(secure.get_unverified_chain())
        # It has no name that is public before; Elastic's own client asks the same way.
        chain = secure._sslobj.get_unverified_chain()  # type: ignore[attr-defined]  # noqa: SLF001
        return [ssl.PEM_cert_to_DER_cert(x.public_bytes()) for x in chain or ()]


def explain(error: BaseException | None) -> str:
    """Say what is wrong, in words, and what to do.

    Args:
        error: Of ssl, or one that has it as its cause.
    """
    found = next((x for x in find_causes(error) if isinstance(x, ssl.SSLError)), None)
    if isinstance(found, ssl.SSLCertVerificationError):
        return _explain_code(found.verify_code, found.verify_message)
    if found is None:
        return "TLS failed"
    if has_hung_up(found):
        return f"it {HUNG_UP}"
    text = _words(found)
    if "WRONG_VERSION_NUMBER" in str(found) or "RECORD_LAYER" in str(found):
        text += "; the server seems to speak plain HTTP there: say http://, or another port"
    return text


def _explain_code(code: int, message: str) -> str:
    if code == _EXPIRED:
        return "its certificate, or that of its authority, has expired; it needs a new one"
    if code == _NOT_YET:
        return "its certificate is not valid yet; see whether the clocks are right"
    if code in {_NAME, _ADDRESS}:
        return (
            "its certificate is for another name; say in hosts what the certificate says, or"
            " verify: certificate"
        )
    if code in _UNKNOWN:
        return (
            "its certificate is of an authority that is not trusted; name it in ca_certs or"
            " ca_trusted_fingerprint"
        )
    return f"its certificate is not good: {message}"


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    return error.strerror or str(error) or type(error).__name__
