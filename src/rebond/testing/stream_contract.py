"""The promises of a tree that is a stream, as tests. Subclass, provide the fixtures, and be judged.

``whole`` makes a tree whose stream ends well after ``expected`` bytes (some hundred thousand);
``broken`` makes one whose stream gives all or some of these and then fails.
"""

import os
from collections.abc import Callable

import pytest

from rebond.entries import Content, EntryKind, Listing, Tree
from rebond.errors import SourceError

MakeTree = Callable[[], Tree]


def read_all(listing: Listing, step: int = 1000) -> bytes:
    """Read the one file of a listing to its end."""
    content = listing.open(0)
    assert content is not None
    try:
        return b"".join(iter(lambda: content.read(step), b""))
    finally:
        content.close()


def read_on(content: Content) -> None:
    """Read what is left."""
    while content.read(1 << 20):
        pass


class StreamContract:
    """One test for each promise."""

    def test_there_is_one_directory_with_one_file_that_no_run_remembers(self, whole: MakeTree) -> None:
        """Empty stamps say: always read it again."""
        for listing in whole().listings():
            assert (listing.path, listing.depth, listing.stamp) == (b"", 0, b"")
            assert list(listing.stamps) == [b""] * len(listing.names) == [b""]
            entry = listing.describe(0)
            assert entry is not None
            assert (entry.name, entry.kind, entry.link, entry.holes) == (listing.names[0], EntryKind.FILE, None, ())
            assert listing.directory().kind is EntryKind.DIRECTORY

    def test_no_short_way_of_reading_is_offered(self, whole: MakeTree, expected: bytes) -> None:
        """They would take what has come so far for everything."""
        for listing in whole().listings():
            assert listing.read_whole(0, 1 << 30) is None
            assert listing.read_small(0, len(expected)) is None

    @pytest.mark.parametrize("step", [1, 1000, 70_000, 10_000_000])
    def test_what_is_read_is_what_was_written(self, whole: MakeTree, expected: bytes, step: int) -> None:
        """In steps of any size; a step is short only at the end."""
        step = max(step, len(expected) // 5000)
        contents = [read_all(listing, step) for listing in whole().listings()]

        assert contents == [expected]

    def test_a_buffer_is_filled_and_nothing_beside_it(self, whole: MakeTree, expected: bytes) -> None:
        """A part of a buffer may be given."""
        for listing in whole().listings():
            content = listing.open(0)
            assert content is not None
            room = bytearray(b"x" * 3000)
            assert content.readinto(memoryview(room)[1000:2000]) == 1000
            assert bytes(room) == b"x" * 1000 + expected[:1000] + b"x" * 1000
            while content.readinto(memoryview(room)):
                pass
            assert content.readinto(memoryview(room)) == 0
            assert not content.changed()
            content.close()
            content.close()

    def test_a_broken_stream_fails_where_it_is_read_and_ends_the_walk(self, broken: MakeTree) -> None:
        """Both: who goes on after an unreadable file learns that the walk failed, with the same reason each time."""
        walk = iter(broken().listings())
        listing = next(walk)
        with pytest.raises(SourceError) as first:
            read_all(listing)
        with pytest.raises(SourceError) as second:
            next(walk)

        assert first.value.hint
        assert second.value.hint
        assert second.value.exit_status == 33

    def test_a_stream_that_broke_does_not_end_well_when_it_is_asked_again(self, broken: MakeTree) -> None:
        """An empty answer would be taken for a good end."""
        listing = next(iter(broken().listings()))
        content = listing.open(0)
        assert content is not None
        for _ in range(3):
            with pytest.raises(SourceError):
                read_on(content)
        content.close()

    def test_a_stream_that_is_not_read_to_its_end_ends_the_walk(self, whole: MakeTree) -> None:
        """What was taken of it so far is not the whole."""
        walk = iter(whole().listings())
        content = next(walk).open(0)
        assert content is not None
        content.read(10)
        content.close()

        with pytest.raises(SourceError):
            next(walk)

    def test_it_can_be_opened_once(self, whole: MakeTree) -> None:
        """The second reader would get the rest."""
        listing = next(iter(whole().listings()))
        content = listing.open(0)
        assert content is not None
        with pytest.raises(SourceError):
            listing.open(0)
        content.close()

    def test_no_descriptor_is_left_open(self, whole: MakeTree, broken: MakeTree) -> None:
        """Neither after a good end, nor after a bad one, nor when it is given up."""
        before = set(os.listdir("/proc/self/fd"))
        for listing in whole().listings():
            read_all(listing)
        walk = iter(broken().listings())
        with pytest.raises(SourceError):
            read_all(next(walk))
        with pytest.raises(SourceError):
            next(walk)
        walk = iter(whole().listings())
        next(walk).open(0)
        del walk, listing

        assert set(os.listdir("/proc/self/fd")) == before
