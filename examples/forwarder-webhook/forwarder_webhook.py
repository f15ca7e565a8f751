"""The ``webhook`` output: posts batches of documents to an HTTP server, compressed and signed."""

import gzip
import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, HttpUrl, SecretStr

from forwarder import Document, Failure, OutputPlugin, Unavailable, hookimpl


def _url(secret: SecretStr) -> SecretStr:
    """Read a URL; pydantic's own message would contain all of it."""
    try:
        url = HttpUrl(secret.get_secret_value())
    except ValueError:
        raise ValueError("is not a URL such as https://soc.example.com/logins") from None
    if url.username is not None or url.password is not None:
        raise ValueError("contains a user or password, which would not be sent; remove it")
    return SecretStr(str(url))


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The settings next to ``type: webhook``."""

    # Many servers identify clients by a token in the path or query, so the whole URL is secret.
    url: Annotated[SecretStr, AfterValidator(_url)] = Field(
        description="URL to post to. Messages name only the server, because the rest may contain"
        " a token."
    )
    secret: SecretStr = Field(description="Key of the signature in X-Signature-256.")
    timeout: float = Field(default=30, gt=0, description="Seconds to wait for an answer.")


class WebhookOutput:
    """Posts to one URL.

    Each request opens a new connection: batches are large or rare, and servers close idle
    connections.
    """

    def __init__(self, settings: Settings) -> None:
        """Prepare, without connecting."""
        self._secret = settings.secret.get_secret_value().encode()
        url = urlsplit(settings.url.get_secret_value())
        self._server = f"{url.scheme}://{url.netloc}"
        connection = HTTPSConnection if url.scheme == "https" else HTTPConnection
        self._connection = connection(url.hostname or "", url.port, timeout=settings.timeout)
        self._target = url._replace(scheme="", netloc="", fragment="").geturl()

    def open(self) -> None:
        """Do nothing: each request connects."""

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Post a batch; if something in it is rejected, find out what."""
        body = gzip.compress(b"".join([x.body + b"\n" for x in documents]), 1)
        answer, said = self._post(body)
        if answer.status in range(200, 300):
            return []
        reason = f"{self._server} answers {answer.status} {answer.reason}: {said}"
        # These concern the documents and are permanent. All others may go away.
        if answer.status not in {400, 413, 422}:
            raise Unavailable(reason, retry_after=_pause(answer.getheader("Retry-After", "")))
        if len(documents) == 1:
            return [Failure(documents[0], reason, status=answer.status)]
        middle = len(documents) // 2
        failures = self.write(documents[:middle])
        try:
            return [*failures, *self.write(documents[middle:])]
        except Unavailable as error:  # the first half is delivered, and must not be sent again
            said = str(error)
            return [*failures, *[Failure(x, said, retryable=True) for x in documents[middle:]]]

    def close(self) -> None:
        """Do nothing: each request closes its connection."""

    def _post(self, body: bytes) -> tuple[HTTPResponse, str]:
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/x-ndjson"}
        headers["X-Signature-256"] = "sha256=" + hmac.digest(self._secret, body, "sha256").hex()
        try:
            self._connection.request("POST", self._target, body, headers)
            answer = self._connection.getresponse()
            # The beginning of the text is enough to see what is wrong.
            return answer, answer.read(500).decode(errors="replace")
        except (OSError, HTTPException) as error:
            raise Unavailable(f"{self._server} cannot be reached: {error!r}") from error
        finally:
            self._connection.close()


def _pause(after: str) -> timedelta | None:
    """Read a Retry-After: seconds, or a date."""
    try:
        if after.isdecimal():
            return timedelta(seconds=int(after))
        return max(timedelta(), parsedate_to_datetime(after) - datetime.now(UTC))
    except (ValueError, TypeError, OverflowError):
        return None


@hookimpl
def forwarder_outputs() -> Iterable[OutputPlugin]:
    """Return the output type ``webhook``."""
    return [OutputPlugin(name="webhook", config=Settings, build=WebhookOutput)]
