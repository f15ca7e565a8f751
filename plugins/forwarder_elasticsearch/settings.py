"""Settings below ``type: elasticsearch``."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Annotated

from forwarder_bulk.settings import ClusterSettings, Host, read_url
from pydantic import AfterValidator, Field, SecretStr


def read_cloud_id(text: str) -> str:
    """Find the URL of a deployment: behind its name are host, cluster and Kibana in Base64."""
    try:
        domain, cluster, *_ = b64decode(text.rpartition(":")[2]).decode("ascii").split("$")
        host, _, port = domain.partition(":")
        return read_url(f"https://{cluster}.{host}:{port or 443}")
    except ValueError:
        raise ValueError("is not a cloud ID; copy it whole from the console") from None


def _cloud_id(text: str) -> str:
    read_cloud_id(text)
    return text


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
        raise ValueError("is not an API key; use ID:KEY, or the field 'encoded' of the answer")
    return SecretStr(text)


class Settings(ClusterSettings, frozen=True, extra="forbid"):
    """Which cluster, how to reach it, and where in it documents go."""

    hosts: Annotated[tuple[Host, ...], Field(min_length=1)] | None = Field(  # type: ignore[assignment]
        default=None,
        description="URLs of the cluster's nodes, with ports; if one does not answer, the next"
        " one is used. Set either this or cloud_id.",
    )
    cloud_id: Annotated[str, AfterValidator(_cloud_id)] | None = Field(
        default=None,
        description="Cloud ID of a deployment in Elastic Cloud, as its console shows it.",
    )
    api_key: Annotated[SecretStr, AfterValidator(_api_key)] | None = Field(
        default=None,
        description="API key, instead of username and password: ID:KEY, or the encoded form.",
    )

    def urls(self) -> tuple[str, ...]:
        """Return the nodes to ask."""
        if self.hosts is not None:
            return self.hosts
        return () if self.cloud_id is None else (read_cloud_id(self.cloud_id),)

    def login(self) -> dict[str, str]:
        """Return the header by which requests log in, if any."""
        if self.api_key is not None:
            return {"authorization": f"ApiKey {self.api_key.get_secret_value()}"}
        return super().login()

    def _contradictions(self) -> Iterator[str]:
        yield from super()._contradictions()
        if (self.hosts is None) == (self.cloud_id is None):
            yield "set either hosts or cloud_id"
        if self.api_key is not None and self.username is not None:
            yield "set either api_key, or username and password"
