"""The tests that outputs inherit: they hold for a good output, and find what a bad one does."""

import json
import os
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from forwarder import (
    Document,
    Expected,
    Failure,
    Finding,
    Output,
    OutputPlugin,
    Unavailable,
    WrittenPath,
    testing,
)
from forwarder.testing import OutputContract, deliver, make_documents
from tests.ecs_fields import violations


class FolderSettings(BaseModel, frozen=True, extra="forbid"):
    """Where to write."""

    path: WrittenPath = Field(description="Folder for the files; it has to be there.")


class FolderOutput:
    """Writes each document into a file of its own, named after its id."""

    def __init__(self, settings: FolderSettings) -> None:
        self._path = settings.path

    def open(self) -> None:
        """Look for the folder."""
        if not self._path.is_dir():
            raise Unavailable(f"{str(self._path)!r} is not a folder; create it")

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Write a file for each."""
        try:
            for document in documents:
                (self._path / f"{document.id}.json").write_bytes(document.body)
        except OSError as error:
            raise Unavailable(f"{str(self._path)!r}: {error.strerror}") from error
        return []

    def close(self) -> None:
        """Do nothing."""


def test_documents_are_like_those_of_the_program() -> None:
    """Every field that is always there is, and no other than there may be; each is its own."""
    documents = [json.loads(x.body) for x in make_documents(5_000)]
    assert [y for x in documents for y in violations(x)] == []
    assert len({x["event"]["id"] for x in documents}) == len(documents)
    assert make_documents(3, 7) == make_documents(10)[7:]
    hostile = json.loads(make_documents(1, text="\x1b\u2028")[0].body)
    assert hostile["event"]["original"] == "\x1b\u2028"


class TestContractOfTheExample(OutputContract):
    """A simple output passes."""

    keeps_order = False
    recognises_repeats = True

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "folder"
        self.path.mkdir()

    def plugin(self) -> OutputPlugin:
        """Return it without installing it."""
        return OutputPlugin(name="folder", config=FolderSettings, build=FolderOutput)

    def settings(self) -> Mapping[str, object]:
        """Return a folder."""
        return {"path": str(self.path)}

    def received(self) -> Iterable[bytes]:
        """Return the files."""
        return [x.read_bytes() for x in self.path.iterdir()]


class Medium:
    """Another side in memory."""

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self.is_away = False
        self.is_busy = False
        self.rejected: list[Document] = []


class GoodOutput:
    """Writes to a medium as it should."""

    def __init__(self, medium: Medium) -> None:
        self.medium = medium

    def open(self) -> None:
        """Do nothing."""

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Take what is not rejected."""
        if self.medium.is_away:
            raise Unavailable("the medium is away")
        if self.medium.is_busy:
            return [Failure(x, "busy", retryable=True) for x in documents]
        self.medium.documents += [x for x in documents if x not in self.medium.rejected]
        return [Failure(x, "bad") for x in documents if x in self.medium.rejected]

    def close(self) -> None:
        """Do nothing."""


class Settings(BaseModel, extra="forbid"):
    """One setting, as it should be."""

    path: str = Field(default="", description="Where to.")


class TestContractOfAMedium(OutputContract):
    """A good output passes all of the tests."""

    output: type[GoodOutput] = GoodOutput
    name: str = "medium"
    config: type[BaseModel] = Settings
    found = Finding(good=True, text="it is there")

    def setup_method(self) -> None:
        """Have nothing there; pytest calls it, and collects no class that is made by itself."""
        self.medium = Medium()

    def plugin(self) -> OutputPlugin:
        """Return it without installing it."""
        return OutputPlugin(self.name, self.config, lambda _: self.output(self.medium), self.check)

    def check(self, _: object, __: Expected) -> Iterator[Finding]:
        """Say what was found."""
        yield self.found

    def settings(self) -> Mapping[str, object]:
        """It needs none."""
        return {}

    def received(self) -> Iterable[bytes]:
        """Return what the medium has."""
        return [x.body for x in self.medium.documents]

    @contextmanager
    def away(self) -> Iterator[None]:
        """Take the medium away."""
        self.medium.is_away = True
        yield
        self.medium.is_away = False

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Let the medium take nothing."""
        self.medium.is_busy = True
        yield
        self.medium.is_busy = False

    @contextmanager
    def rejecting(self, document: Document) -> Iterator[None]:
        """Let the medium reject a document."""
        self.medium.rejected.append(document)
        yield
        self.medium.rejected.clear()


class Loses(GoodOutput):
    """Loses the last document of a large batch."""

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Write all but one."""
        return super().write(documents[:-1] if len(documents) > 100 else documents)


class Keeps(GoodOutput):
    """Writes when it is closed."""

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Write later."""
        self.kept = documents
        return []

    def close(self) -> None:
        """Write now."""
        super().write(self.kept)


class Disorders(GoodOutput):
    """Writes the last first."""

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Write backwards."""
        return super().write(documents[::-1])


class Changes(GoodOutput):
    """Cuts what is long."""

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Write something else."""
        return super().write([x._replace(body=x.body.replace(b"x" * 99, b"")) for x in documents])


class Leaks(GoodOutput):
    """Leaves a file open."""

    def open(self) -> None:
        """Open a file, for ever."""
        os.open("/dev/null", os.O_RDONLY)


class Crashes(GoodOutput):
    """Does not know what it means to be away."""

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Say nothing that is understood."""
        if self.medium.is_away:
            raise ConnectionError
        return super().write(documents)


class Mute(GoodOutput):
    """Does not say what is wrong."""

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Raise, without a word."""
        if self.medium.is_away:
            raise Unavailable("")
        return super().write(documents)


class Drops(GoodOutput):
    """Takes busy for delivered."""

    def write(self, documents: Sequence[Document]) -> Sequence[Failure]:
        """Write, or not."""
        super().write(documents)
        return []


class MainOnly(GoodOutput):
    """Works in the main thread only."""

    def open(self) -> None:
        """Do what only the main thread may."""
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)


class LooseSettings(BaseModel):
    """Takes any setting, and does not say what one is."""

    path: str = ""


def contract(output: type[GoodOutput] = GoodOutput) -> TestContractOfAMedium:
    """Return the tests for an output, to be run one by one."""
    tests = TestContractOfAMedium()
    tests.setup_method()
    tests.output = output
    return tests


def fail(tests: OutputContract, test: str, *arguments: object) -> None:
    """Run one of the tests, which has to fail."""
    with pytest.raises((AssertionError, pytest.fail.Exception, OSError, ValueError)):
        getattr(tests, test)(*arguments)


@pytest.mark.parametrize(
    ("output", "test", "arguments"),
    [
        (Loses, "test_batches_arrive_whole_and_in_order", [(1, 500)]),
        (Keeps, "test_batches_arrive_whole_and_in_order", [(1,)]),
        (Disorders, "test_batches_arrive_whole_and_in_order", [(2,)]),
        (Changes, "test_documents_arrive_as_they_are", []),
        (MainOnly, "test_it_works_in_any_thread", []),
        (Crashes, "test_a_lost_side_is_unavailable_until_it_returns", []),
        (Mute, "test_an_unreachable_side_is_unavailable", []),
        (Mute, "test_a_lost_side_is_unavailable_until_it_returns", []),
        (Drops, "test_an_overloaded_side_gets_documents_later", []),
        (Drops, "test_a_rejected_document_is_named_and_the_others_arrive", [10, 5]),
    ],
)
def test_a_bad_output_does_not_pass(
    output: type[GoodOutput], test: str, arguments: list[object]
) -> None:
    """Each by the test that is about what it does."""
    fail(contract(output), test, *arguments)


def test_a_leak_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without waiting as long as for something that needs time to close."""
    monkeypatch.setattr(testing, "PATIENCE", 0.1)
    fail(contract(Leaks), "test_it_leaves_nothing_open")


def test_repeats_that_are_said_to_be_recognised_have_to_be() -> None:
    """By a medium that does not."""
    tests = contract()
    tests.recognises_repeats = True  # type: ignore[misc]  # of this instance alone
    fail(tests, "test_a_batch_is_repeated_after_a_crash", (15,))


def test_a_bad_name_and_bad_settings_are_found() -> None:
    """What people see of it counts, too."""
    tests = contract()
    tests.name = "My Medium!"
    tests.config = LooseSettings
    fail(tests, "test_its_type_is_a_plain_name")
    fail(tests, "test_unknown_settings_are_refused")
    fail(tests, "test_each_setting_has_a_description")


@pytest.mark.parametrize(("good", "text"), [(True, "it is well"), (False, "")])
def test_a_check_that_does_not_help_is_found(text: str, *, good: bool) -> None:
    """Advice where all is well, and a fault without words."""
    tests = contract()
    tests.found = Finding(good, text, "do it")
    fail(tests, "test_its_check_writes_nothing_and_gives_advice")


def test_an_output_may_have_no_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then there is nothing to test."""
    tests = contract()
    monkeypatch.setattr(tests, "check", None)
    with pytest.raises(pytest.skip.Exception, match="the output has no check"):
        tests.test_its_check_writes_nothing_and_gives_advice()


def test_what_never_arrives_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what the output said last."""
    monkeypatch.setattr(testing, "PATIENCE", 0.1)
    medium = Medium()
    medium.is_away = True
    output: Output = GoodOutput(medium)
    with pytest.raises(AssertionError, match="the medium is away"):
        deliver(output, make_documents(1))
