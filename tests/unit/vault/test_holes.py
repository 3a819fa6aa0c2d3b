"""Files with holes: their data is cut out, and put back where it was."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebond.vault.holes import WithoutHoles, clip_holes, data_bytes, spread

Holes = tuple[tuple[int, int], ...]


class Plain:
    """A content that can only be read, a few bytes at a time."""

    def __init__(self, content: bytes, step: int = 7) -> None:
        self._stream = io.BytesIO(content)
        self._step = step
        self.read_bytes = 0

    def read(self, size: int, /) -> bytes:
        piece = self._stream.read(min(size, self._step))
        self.read_bytes += len(piece)
        return piece

    def readinto(self, buffer: memoryview, /) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def changed(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing to give back."""


class Seekable(Plain):
    """A content that can pass over bytes."""

    def skip(self, size: int, /) -> None:
        self._stream.seek(size, io.SEEK_CUR)


@st.composite
def sparse(draw: st.DrawFn) -> tuple[bytes, Holes]:
    """A file's content, zero in its holes, and where these are."""
    runs = draw(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), max_size=6))
    starts_with_hole, ends_with_data = draw(st.booleans()), draw(st.booleans())
    content, holes = bytearray(), []
    for number, (hole, data) in enumerate(runs):
        if number or starts_with_hole:
            holes.append((len(content), hole))
            content += bytes(hole)
        if number < len(runs) - 1 or ends_with_data:
            content += bytes(draw(st.integers(1, 255)) for _ in range(data))
    return bytes(content), tuple(holes)


def drain(content: WithoutHoles, step: int, *, into: bool) -> bytes:
    data = bytearray()
    while True:
        if into:
            buffer = bytearray(step)
            piece = bytes(buffer[: content.readinto(memoryview(buffer))])
        else:
            piece = content.read(step)
        if not piece:
            return bytes(data)
        data += piece


@pytest.mark.parametrize("kind", [Plain, Seekable])
@pytest.mark.parametrize("into", [False, True])
@given(file=sparse(), step=st.integers(1, 50), cut=st.integers(1, 40))
def test_data_without_its_holes_spread_out_again_is_the_file(
    kind: type[Plain], into: bool, file: tuple[bytes, Holes], step: int, cut: int
) -> None:
    content, holes = file
    opened = kind(content)
    without = WithoutHoles(opened, holes)

    data = drain(without, step, into=into)

    assert len(data) == data_bytes(len(content), holes)
    assert without.position == len(content)
    if kind is Seekable:
        assert opened.read_bytes == len(data), "holes are passed over unread"
    back = bytearray(len(content))
    for start in range(0, len(data), cut):
        for offset, piece in spread(holes, start, memoryview(data)[start : start + cut]):
            back[offset : offset + len(piece)] = piece
    assert back == content


@pytest.mark.parametrize("kind", [Plain, Seekable])
@given(file=sparse(), lost=st.integers(0, 60))
def test_a_file_that_lost_its_end_is_consistent_with_its_holes(
    kind: type[Plain], file: tuple[bytes, Holes], lost: int
) -> None:
    content, holes = file
    shorter = content[: max(0, len(content) - lost)]
    without = WithoutHoles(kind(shorter), holes)

    data = drain(without, 9, into=False)

    kept = clip_holes(holes, without.position)
    assert len(data) == data_bytes(without.position, kept)
    assert all(offset + length <= without.position for offset, length in kept)
    assert len(shorter) <= without.position <= len(content)
