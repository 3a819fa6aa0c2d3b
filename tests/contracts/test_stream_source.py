import os
import random
import threading

import pytest
from tests.bounded import join

from rebond.errors import SourceError
from rebond.sources.streams.judging import Expectation
from rebond.sources.streams.readers import CommandReader, DescriptorReader, StreamReader
from rebond.sources.streams.tree import StreamTree
from rebond.testing.stream_contract import MakeTree, StreamContract

EXPECTED = random.Random(1).randbytes(300_000)


class SuppliedReader:
    """A reader that hands out bytes in odd steps, and fails where it is told to."""

    def __init__(self, content: bytes, fault: Exception | None = None, *, is_late: bool = False) -> None:
        self._left = content
        self._fault = fault
        self._is_late = is_late
        self._steps = random.Random(len(content))

    def readinto(self, buffer: memoryview, /) -> int:
        if not self._left and self._fault and not self._is_late:
            raise self._fault
        step = self._left[: self._steps.randrange(1, 9000)][: len(buffer)]
        buffer[: len(step)] = step
        self._left = self._left[len(step) :]
        return len(step)

    def finish(self) -> None:
        if self._fault:
            raise self._fault

    def close(self) -> None:
        pass


def supplied(content: bytes, fault: Exception | None = None, *, is_late: bool = False) -> StreamTree:
    return StreamTree(b"dump", lambda: SuppliedReader(content, fault, is_late=is_late), began_ns=5)


class CommandFailedLike(SourceError):
    exit_status = 33


@pytest.fixture
def expected() -> bytes:
    return EXPECTED


class TestStreamOfAnyReader(StreamContract):
    @pytest.fixture
    def whole(self) -> MakeTree:
        return lambda: supplied(EXPECTED)

    @pytest.fixture(params=["cut", "failed after its end", "the system says no"])
    def broken(self, request: pytest.FixtureRequest) -> MakeTree:
        if request.param == "the system says no":
            return lambda: supplied(EXPECTED[:100_000], OSError(5, "Input/output error"))
        fault = CommandFailedLike("It was cut.", hint="Look.")
        return lambda: supplied(EXPECTED, fault, is_late=request.param != "cut")


class TestStreamOfACommand(StreamContract):
    @pytest.fixture
    def whole(self, tmp_path: "os.PathLike[str]") -> MakeTree:
        return lambda: self.tree(tmp_path, "cat {path}")

    @pytest.fixture(params=["cat {path}; exit 3", "head -c 1000 {path}; kill -9 $$", "exit 1", "exit 0"])
    def broken(self, request: pytest.FixtureRequest, tmp_path: "os.PathLike[str]") -> MakeTree:
        return lambda: self.tree(tmp_path, request.param)

    def tree(self, folder: "os.PathLike[str]", script: str) -> StreamTree:
        path = os.path.join(folder, "content")
        with open(path, "wb") as file:
            file.write(EXPECTED)
        words = ["sh", "-c", script.format(path=path)]
        return StreamTree(b"dump", lambda: CommandReader(words, environment=os.environ), began_ns=5)


class TestStreamOfAPipe(StreamContract):
    @pytest.fixture
    def whole(self) -> MakeTree:
        return lambda: self.tree(EXPECTED, Expectation(size_bytes=len(EXPECTED)))

    @pytest.fixture(params=["too short", "without its end mark", "empty"])
    def broken(self, request: pytest.FixtureRequest) -> MakeTree:
        return {
            "too short": lambda: self.tree(EXPECTED[:-1], Expectation(size_bytes=len(EXPECTED))),
            "without its end mark": lambda: self.tree(EXPECTED + b"comp", Expectation(mark=b"complete")),
            "empty": lambda: self.tree(b"", Expectation()),
        }[request.param]

    def tree(self, content: bytes, expected: Expectation) -> StreamTree:
        return StreamTree(b"dump", lambda: PipeReader(content), began_ns=5, expected=expected)


class PipeReader(DescriptorReader):
    """The reading end of a pipe that a thread writes to, and that is ours to close."""

    def __init__(self, content: bytes) -> None:
        self._mine, theirs = os.pipe()
        super().__init__(self._mine)
        self._writer = threading.Thread(target=self._write, args=(theirs, content), daemon=True)
        self._writer.start()

    def close(self) -> None:
        if self._mine >= 0:
            os.close(self._mine)
            self._mine = -1
            join(self._writer)

    @staticmethod
    def _write(descriptor: int, content: bytes) -> None:
        with open(descriptor, "wb", buffering=0) as file:
            try:
                file.writelines(_pieces(content))
            except BrokenPipeError:
                return


def _pieces(content: bytes) -> list[bytes]:
    return [content[start : start + 4096] for start in range(0, len(content), 4096)]


def test_the_readers_keep_the_protocol() -> None:
    readers: list[StreamReader] = [SuppliedReader(b""), DescriptorReader(0)]

    assert readers
