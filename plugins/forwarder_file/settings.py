"""What the configuration says below ``type: file``."""

from typing import Annotated

from pydantic import BaseModel, Field

from forwarder import Beside, Count, Size, WrittenPath

_FULL = "{name}." + "[0-9]" * 8 + "T" + "[0-9]" * 6 + "Z"
"""The name of a full file; see :mod:`forwarder_file.rotation`."""


class Rotate(BaseModel, frozen=True, extra="forbid"):
    """When a new file is begun."""

    max_bytes: Annotated[Size, Field(gt=0)] | None = Field(
        default=None,
        description="Size that makes a file full, like 100MB: a batch that would exceed it goes"
        " into a new one. Batches are not split. Without it, files grow without limit.",
    )
    daily: bool = Field(
        default=False, description="Whether a file is begun with the first batch of a day, in UTC."
    )


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Where documents go, and what becomes of full files."""

    path: Annotated[
        WrittenPath, Beside(_FULL, f"{_FULL}.gz", f".{_FULL}*.part", ".{name}.mark")
    ] = Field(
        description="The file that grows, of this output alone; its folder has to be there. A full"
        " one is named after the time when it was last written, in UTC, like"
        " auth.ndjson.20260301T120000Z."
    )
    rotate: Rotate = Field(default=Rotate(), description="When a new file is begun.")
    gzip: bool = Field(default=False, description="Whether full files are packed with gzip.")
    keep: Annotated[Count, Field(ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="How many full files stay; the oldest are deleted. Without it, all stay.",
    )
