"""Settings that both outputs have: which cluster, how to reach it, and where documents go."""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, SecretStr, model_validator

from forwarder import Duration

_INDEX = re.compile(r"(?:[a-z0-9.]|%[YmdGV])(?:[a-z0-9._+-]|%[YmdGV])*")
_MAX_INDEX = 200
"""Characters; 255 bytes is the limit of the servers, and times become longer than they are here."""
_ABOUT_TLS = ("verify", "client_certificate", "ca_certs")


def read_url(url: str, *, needs_port: bool = True) -> str:
    """Check the URL of a server, and remove a trailing slash."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is not a URL like https://es1.example.com:9200")
    if parts.username is not None or parts.password is not None:
        raise ValueError("contains credentials; set username and password instead")
    if port is None and needs_port:
        raise ValueError("has no port; add :9200, or :443 for a cluster in the cloud")
    if parts.query or parts.fragment:
        raise ValueError("has a query or fragment; remove it")
    return url.rstrip("/")


def _index(pattern: str) -> str:
    if _INDEX.fullmatch(pattern) is None or pattern in {".", ".."} or len(pattern) > _MAX_INDEX:
        raise ValueError(
            "is not an index name: use lower-case letters, digits, . _ + - and, for the time of the"
            " event in UTC, %Y %m %d, or %G and %V for the ISO 8601 year and week"
        )
    return pattern


def _proxy(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        is_whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port is not None
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ValueError("is not a URL with a port, like http://proxy.example.com:3128")
    return url


def _timeout(duration: timedelta) -> timedelta:
    if not duration:
        raise ValueError("must be longer than 0")
    return duration


Host = Annotated[str, AfterValidator(read_url)]  # URL of a node, without a slash at the end
_Timeout = Annotated[Duration, AfterValidator(_timeout)]


class ClusterSettings(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Which cluster, how to reach it, and where documents go in it."""

    hosts: Annotated[tuple[Host, ...], Field(min_length=1)]
    """URLs of the cluster's nodes, with ports; if one does not answer, the next is used."""
    username: str | None = None
    """User to log in as; needs password."""
    password: SecretStr | None = None
    """Password of the user."""
    client_certificate: Path | None = None
    """Client certificate to log in with (PEM file)."""
    client_key: Path | None = None
    """Private key of the client certificate (PEM file); without it, the key is in the certificate's
    file."""
    ca_certs: Path | None = None
    """CA certificates to trust (PEM file) instead of the operating system's."""
    verify: Literal["full", "certificate", "none"] = "full"
    """How to verify the server's certificate: fully; without its host name; or not at all, so that
    an attacker in between can read the documents."""
    proxy: Annotated[SecretStr, AfterValidator(_proxy)] | None = None
    """URL of an HTTP proxy, with user and password if it needs them."""
    connect_timeout: _Timeout = timedelta(seconds=10)
    """How long to wait for a connection."""
    timeout: _Timeout = timedelta(seconds=90)
    """How long sending a request may take, and again receiving the whole response; 90s as in
    Filebeat."""
    workers: Annotated[int, Field(ge=1, le=32)] = 2
    """How many bulk requests to send at the same time. With two, the server always has one to work
    on."""
    namespace_by_appliance: bool = False
    """Whether each appliance gets its own data stream. The namespace is the appliance's name in
    lower case, with _ for characters that a namespace may not contain: ESA-1 becomes esa_1."""
    index: Annotated[str, AfterValidator(_index)] | None = None
    """Plain indices instead of data streams: a name with the time of the event, such as
    esa-logins-%Y.%m."""
    pipeline: Annotated[str, Field(min_length=1)] | None = None
    """Ingest pipeline for the documents; without it, the index template's."""

    def urls(self) -> tuple[str, ...]:
        """Return the URLs of the nodes."""
        return self.hosts

    def login(self) -> dict[str, str]:
        """Return the header that authenticates requests, if any."""
        if self.username is None or self.password is None:
            return {}
        pair = f"{self.username}:{self.password.get_secret_value()}"
        return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if found := "; ".join(self._contradictions()):
            raise ValueError(found)
        return self

    def _contradictions(self) -> Iterator[str]:
        if (self.username is None) != (self.password is None):
            yield "username and password belong together"
        if self.client_key is not None and self.client_certificate is None:
            yield "client_key needs a client_certificate"
        if self.verify == "none" and self.ca_certs:
            yield "verify: none does not use ca_certs; remove one of them"
        if self.index is not None and self.namespace_by_appliance:
            yield "an index has no namespace; remove namespace_by_appliance or index"
        plain = [x for x in self.hosts or () if x.startswith("http:")]
        about = [x for x in _ABOUT_TLS if getattr(self, x) not in {None, "full"}]
        if plain and about:
            yield f"{plain[0]} does not use TLS, but {about[0]} is set"


def read_cloud_id(text: str) -> str:
    """Return the URL of a deployment: its name, then domain, cluster and Kibana in Base64."""
    try:
        domain, cluster, *_ = b64decode(text.rpartition(":")[2]).decode("ascii").split("$")
        host, _, port = domain.partition(":")
        return read_url(f"https://{cluster}.{host}:{port or 443}")
    except ValueError:
        raise ValueError("is not a cloud ID; copy all of it from the console") from None


def _cloud_id(text: str) -> str:
    read_cloud_id(text)
    return text


def _api_key(key: SecretStr) -> SecretStr:
    """Convert both forms to the encoded one."""
    text = key.get_secret_value().strip()
    if ":" in text:
        return SecretStr(b64encode(text.encode()).decode())
    try:
        pair = b64decode(text, validate=True)
    except ValueError:
        pair = b""
    if b":" not in pair:
        raise ValueError("is not an API key; use ID:KEY, or the field 'encoded' of the answer")
    return SecretStr(text)


class ElasticSettings(ClusterSettings, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """The same, with deployments in Elastic Cloud and API keys."""

    hosts: Annotated[tuple[Host, ...], Field(min_length=1)] | None = None  # type: ignore[assignment]
    """URLs of the cluster's nodes, with ports; if one does not answer, the next is used. Set either
    this or cloud_id."""
    cloud_id: Annotated[str, AfterValidator(_cloud_id)] | None = None
    """Cloud ID of an Elastic Cloud deployment, as shown in its console."""
    api_key: Annotated[SecretStr, AfterValidator(_api_key)] | None = None
    """API key, instead of username and password: ID:KEY, or the encoded form."""

    def urls(self) -> tuple[str, ...]:
        """Return the URLs of the nodes."""
        if self.hosts is not None:
            return self.hosts
        return () if self.cloud_id is None else (read_cloud_id(self.cloud_id),)

    def login(self) -> dict[str, str]:
        """Return the header that authenticates requests, if any."""
        if self.api_key is not None:
            return {"authorization": f"ApiKey {self.api_key.get_secret_value()}"}
        return super().login()

    def _contradictions(self) -> Iterator[str]:
        yield from super()._contradictions()
        if (self.hosts is None) == (self.cloud_id is None):
            yield "set either hosts or cloud_id"
        if self.api_key is not None and self.username is not None:
            yield "set either api_key, or username and password"
