"""What the configuration says below ``type: elasticsearch``."""

import re
from base64 import b64decode, b64encode
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, SecretStr, model_validator

from forwarder import Duration

_INDEX = re.compile(r"(?:[a-z0-9.]|%[YmdGV])(?:[a-z0-9._+-]|%[YmdGV])*")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is no URL, as https://es1.example.com:9200 is") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is no URL, as https://es1.example.com:9200 is")
    if parts.username is not None or parts.password is not None:
        raise ValueError("has credentials in it; say username and password beside hosts")
    if port is None:
        raise ValueError("has no port; say :9200, or :443 for Elastic Cloud")
    if parts.query or parts.fragment:
        raise ValueError("has more behind the path")
    return url.rstrip("/")


def _cloud_id(text: str) -> str:
    read_cloud_id(text)
    return text


def read_cloud_id(text: str) -> str:
    """Find the URL of a deployment: behind its name are host, cluster and Kibana in Base64."""
    try:
        domain, cluster, *_ = b64decode(text.rpartition(":")[2]).decode("ascii").split("$")
    except ValueError:
        raise ValueError(
            "is no cloud ID; copy it from the console, with the name before it"
        ) from None
    host, _, port = domain.partition(":")
    return _host(f"https://{cluster}.{host}:{port or 443}")


def _proxy(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        _ = parts.port
    except ValueError:
        raise ValueError("is no URL, as http://proxy.example.com:3128 is") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is no URL, as http://proxy.example.com:3128 is")
    return url


def _api_key(key: SecretStr) -> SecretStr:
    """Bring both forms into the encoded one."""
    text = key.get_secret_value().strip()
    if ":" in text:
        return SecretStr(b64encode(text.encode()).decode())
    try:
        pair = b64decode(text, validate=True)
    except ValueError:
        pair = b""
    if b":" not in pair:
        raise ValueError("is no API key; say ID:KEY, or the field 'encoded' of the answer to it")
    return SecretStr(text)


def _fingerprint(text: str) -> str:
    found = text.replace(":", "").lower()
    if _FINGERPRINT.fullmatch(found) is None:
        raise ValueError("is no SHA-256 fingerprint: 64 hex digits, with or without colons")
    return found


def _index(pattern: str) -> str:
    if _INDEX.fullmatch(pattern) is None or pattern in {".", ".."} or len(pattern) > 200:  # noqa: PLR2004 - below the 255 bytes of Elasticsearch
        raise ValueError(
            "is no name for an index: small letters, digits, . _ + - and, for the time of the"
            " event in UTC, %Y %m %d, or %G and %V for the year and week of ISO 8601"
        )
    return pattern


def _timeout(duration: timedelta) -> timedelta:
    if not duration:
        raise ValueError("is no time at all")
    return duration


Timeout = Annotated[Duration, AfterValidator(_timeout)]
Host = Annotated[str, AfterValidator(_host)]


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Which cluster, how to reach it, and where in it documents go."""

    hosts: Annotated[tuple[Host, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="URLs of the cluster's nodes, with ports; if one does not answer, the next"
        " one is asked. Either this or cloud_id.",
    )
    cloud_id: Annotated[str, AfterValidator(_cloud_id)] | None = Field(
        default=None, description="Of a deployment in Elastic Cloud, as its console shows it."
    )

    api_key: Annotated[SecretStr, AfterValidator(_api_key)] | None = Field(
        default=None, description="An API key: ID:KEY, or in its encoded form."
    )
    username: str | None = Field(default=None, description="Instead of a key; with password.")
    password: SecretStr | None = Field(default=None, description="Of the user.")
    client_certificate: Path | None = Field(
        default=None, description="File with a certificate (PEM) that shows who we are."
    )
    client_key: Path | None = Field(
        default=None,
        description="File with its private key; without it, the key is in the same file.",
    )

    ca_certs: Path | None = Field(
        default=None,
        description="File with the certificates (PEM) of the authorities that are trusted, and no"
        " others. Without it, those of the system are.",
    )
    ca_trusted_fingerprint: Annotated[str, AfterValidator(_fingerprint)] | None = Field(
        default=None,
        description="SHA-256 fingerprint of the authority's certificate, as Elasticsearch prints"
        " it at its first start; instead of ca_certs.",
    )
    verify: Literal["full", "certificate", "none"] = Field(
        default="full",
        description="What of the server's certificate is verified: all of it; all but the name in"
        " it; nothing, which lets anybody in between read along and take the documents.",
    )

    proxy: Annotated[SecretStr, AfterValidator(_proxy)] | None = Field(
        default=None,
        description="URL of an HTTP proxy between here and there, with its user and password"
        " where it wants them.",
    )
    connect_timeout: Timeout = Field(
        default=timedelta(seconds=10), description="How long to wait for a connection."
    )
    timeout: Timeout = Field(
        default=timedelta(seconds=90),
        description="How long to wait for an answer; as Filebeat has it.",
    )
    workers: Annotated[int, Field(ge=1, le=32)] = Field(
        default=2,
        description="How many bulk requests are on their way at once. Two nearly double the rate"
        " of one.",
    )

    namespace_by_appliance: bool = Field(
        default=False,
        description="Whether each appliance has a data stream of its own, with the appliance's"
        " name as the namespace.",
    )
    index: Annotated[str, AfterValidator(_index)] | None = Field(
        default=None,
        description="Plain indices instead of data streams: a name with the time of the event in"
        " it, as esa-logins-%Y.%m. There, a document that comes again is recognised for ever.",
    )
    pipeline: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Ingest pipeline that documents go through; without it, the one that the"
        " index template names.",
    )

    def urls(self) -> tuple[str, ...]:
        """Give the nodes to ask."""
        return self.hosts or (read_cloud_id(self.cloud_id or ""),)

    @model_validator(mode="after")
    def _fit(self) -> Self:
        """Find settings that contradict one another."""
        if (self.hosts is None) == (self.cloud_id is None):
            raise ValueError("say either hosts or cloud_id")
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        if self.api_key is not None and self.username is not None:
            raise ValueError("say either api_key, or username and password")
        if self.client_key is not None and self.client_certificate is None:
            raise ValueError("client_key needs a client_certificate")
        if self.ca_certs is not None and self.ca_trusted_fingerprint is not None:
            raise ValueError("say either ca_certs or ca_trusted_fingerprint")
        if self.verify == "none" and (self.ca_certs or self.ca_trusted_fingerprint):
            raise ValueError("with verify: none, no authority is looked at; take one of them out")
        if self.index is not None and self.namespace_by_appliance:
            raise ValueError("an index has no namespace; take namespace_by_appliance or index out")
        plain = [x for x in self.hosts or () if x.startswith("http:")]
        tls = [
            x
            for x in ("client_certificate", "ca_certs", "ca_trusted_fingerprint")
            if getattr(self, x) is not None
        ]
        if plain and (tls or self.verify != "full"):
            raise ValueError(f"{plain[0]} has no TLS, but {(*tls, 'verify')[0]} is about it")
        return self
