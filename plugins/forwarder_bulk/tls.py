"""TLS: which authorities are trusted, and what is wrong with a certificate, in words.

The context is made here, and not by the clients: where the operator names an authority, these would
trust those of the system as well.
"""

import ssl

from forwarder import Unavailable
from forwarder_bulk.settings import ClusterSettings

_OF_ANOTHER = "is for another name; use the name that is in it, or set verify: certificate"
_MEANINGS = {
    9: "is not valid yet; see whether the clocks are right",
    10: "has expired, or that of its authority has; it needs a new one",
    **dict.fromkeys(range(18, 22), "is of an authority that is not trusted; name it in ca_certs"),
    62: _OF_ANOTHER,
    64: _OF_ANOTHER,
}
"""Of codes of OpenSSL; see X509_STORE_CTX_get_error(3)."""


def make_context(settings: ClusterSettings) -> ssl.SSLContext:
    """Make what connections are made with; raises Unavailable where a file cannot be used."""
    try:
        context = ssl.create_default_context(cafile=settings.ca_certs)
    except OSError as error:
        raise Unavailable(
            f"ca_certs {str(settings.ca_certs)!r} cannot be used: {words_of(error)}; it has to be a"
            " file with certificates in PEM"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.verify != "full":
        context.check_hostname = False
    if settings.verify == "none":
        context.verify_mode = ssl.CERT_NONE
    if settings.client_certificate is not None:
        key = settings.client_key or settings.client_certificate
        try:
            # With a function, OpenSSL does not ask at the terminal.
            context.load_cert_chain(settings.client_certificate, key, password=lambda: "")
        except OSError as error:
            raise Unavailable(
                f"client_certificate {str(settings.client_certificate)!r} with the key in"
                f" {str(key)!r} cannot be used: {words_of(error)}; both have to be PEM, belong"
                " together, and have no passphrase"
            ) from error
    return context


def explain(error: ssl.SSLError) -> str:
    """Say what is wrong, and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        meaning = _MEANINGS.get(error.verify_code, f"is not good: {error.verify_message}")
        return f"its certificate {meaning}"
    text = words_of(error)
    if "WRONG_VERSION_NUMBER" in str(error) or "RECORD_LAYER" in str(error):
        text += "; the server seems to speak plain HTTP there: use http://, or another port"
    return text


def words_of(error: OSError) -> str:
    """Return the words of the system, or of OpenSSL."""
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    return error.strerror or str(error) or type(error).__name__
