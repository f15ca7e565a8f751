"""The hooks: what a plugin can implement, and the marks for doing it.

pluggy checks and registers what plugins implement. It delivers nothing: a hook call stops at the
first exception, so one broken output would starve the others.
"""

from collections.abc import Iterable

import pluggy

from forwarder.output import OutputPlugin

hookspec = pluggy.HookspecMarker("forwarder")
hookimpl = pluggy.HookimplMarker("forwarder")


@hookspec
def forwarder_outputs() -> Iterable[OutputPlugin]:  # type: ignore[empty-body]  # a plugin has it
    '''Give the types of output that a plugin has.

    Called when the configuration names one of them, and by ``esa-forwarder plugins``.

    A whole plugin, in a module ``forwarder_folder``; it writes each document into a file:

    ```python
    """Writes each document into a file of its own, named after its id."""

    from collections.abc import Iterable, Sequence

    from pydantic import BaseModel, Field

    from forwarder import Document, Failure, OutputPlugin, Unavailable, WrittenPath, hookimpl


    class Settings(BaseModel, frozen=True, extra="forbid"):
        """What the configuration says below ``type: folder``."""

        path: WrittenPath = Field(description="Folder for the files; it has to be there.")


    class FolderOutput:
        """Writes to a folder."""

        def __init__(self, settings: Settings) -> None:
            self._path = settings.path

        def open(self) -> None:
            if not self._path.is_dir():
                raise Unavailable(f"{str(self._path)!r} is no folder; make it")

        def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
            try:
                for document in documents:
                    (self._path / f"{document.id}.json").write_bytes(document.body)
            except OSError as error:
                raise Unavailable(f"{str(self._path)!r}: {error.strerror}") from error
            return []

        def close(self) -> None:
            pass


    @hookimpl
    def forwarder_outputs() -> Iterable[OutputPlugin]:
        return [OutputPlugin(name="folder", config=Settings, build=FolderOutput)]
    ```

    Its distribution names the module in its ``pyproject.toml``, once for each type:

    ```toml
    [project.entry-points."forwarder.outputs"]
    folder = "forwarder_folder"
    ```

    Returns:
        One for each type. The name of each is that of its entry point.
    '''
