"""Settings below ``type: elasticsearch``."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Annotated

from forwarder_bulk.settings import ClusterSettings
from pydantic import AfterValidator, Field, SecretStr


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

    api_key: Annotated[SecretStr, AfterValidator(_api_key)] | None = Field(
        default=None,
        description="API key, instead of username and password: ID:KEY, or the encoded form.",
    )

    def login(self) -> dict[str, str]:  # type: ignore[explicit-override]  # not in Python 3.11
        """Return the header by which requests log in, if any."""
        if self.api_key is not None:
            return {"authorization": f"ApiKey {self.api_key.get_secret_value()}"}
        return super().login()

    def _contradictions(self) -> Iterator[str]:  # type: ignore[explicit-override]  # not in Python 3.11
        yield from super()._contradictions()
        if self.api_key is not None and self.username is not None:
            yield "set either api_key, or username and password"
