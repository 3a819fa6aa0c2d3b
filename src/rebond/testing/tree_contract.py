"""The promises of ``rebond.entries.Tree`` as tests. Subclass, provide a ``tree`` fixture, and be judged.

The tree must hold at least one directory within a directory, a plain file that is not empty, and nothing
that changes.
"""

import os

import pytest

from rebond.entries import Content, EntryKind, Listing, Tree


def _by_buffer(content: Content) -> bytes:
    buffer = memoryview(bytearray(777))
    return b"".join(iter(lambda: bytes(buffer[: content.readinto(buffer)]), b""))


def _whole(listing: Listing, position: int) -> bytes:
    content = listing.open(position)
    assert content is not None
    try:
        return b"".join(iter(lambda: content.read(1000), b""))
    finally:
        content.close()


def _key(path: bytes) -> list[bytes]:
    return path.split(b"/") if path else []


class TreeContract:
    """One test for each promise."""

    def test_every_directory_comes_once_and_in_order(self, tree: Tree) -> None:
        """Depth first, each level sorted by the bytes of the name, the root first."""
        paths = [listing.path for listing in tree.listings()]

        assert paths[0] == b""
        assert len(set(paths)) == len(paths)
        assert paths == sorted(paths, key=_key)

    def test_depth_is_the_number_of_directories_above(self, tree: Tree) -> None:
        """The root's depth is 0."""
        assert all(listing.depth == len(_key(listing.path)) for listing in tree.listings())

    def test_names_are_sorted_and_each_has_a_stamp(self, tree: Tree) -> None:
        """A listing's names and stamps go together."""
        for listing in tree.listings():
            assert list(listing.names) == sorted(set(listing.names))
            assert len(listing.stamps) == len(listing.names)

    def test_a_directory_is_described_by_its_own_listing_alone(self, tree: Tree) -> None:
        """What a listing holds is never a directory."""
        for listing in tree.listings():
            own = listing.directory()
            assert own.kind is EntryKind.DIRECTORY
            assert own.name == listing.path.rpartition(b"/")[2]
            for position, name in enumerate(listing.names):
                entry = listing.describe(position)
                assert entry is not None
                assert entry.name == name
                assert entry.kind is not EntryKind.DIRECTORY

    @pytest.mark.parametrize("is_described_first", [False, True])
    def test_both_ways_of_reading_agree(self, tree: Tree, *, is_described_first: bool) -> None:
        """A small file is what the open file yields, and exactly as long as was asked."""
        files = 0
        for listing in tree.listings():
            for position in range(len(listing.names)):
                entry = listing.describe(position)
                assert entry is not None
                if entry.kind is EntryKind.FILE:
                    files += entry.size > 0
                    if not is_described_first:
                        assert _whole(listing, position) == listing.read_small(position, entry.size)
                    listing.describe(position)
                    small = listing.read_small(position, entry.size)
                    assert small == _whole(listing, position)
                    assert listing.read_small(position, entry.size + 1) is None
                    assert entry.size == 0 or listing.read_small(position, entry.size - 1) is None
        assert files

    def test_reading_into_a_buffer_yields_the_same_bytes(self, tree: Tree) -> None:
        """Nothing is written past the end of the buffer or skipped."""
        for listing in tree.listings():
            for position in range(len(listing.names)):
                entry = listing.describe(position)
                if entry is None or entry.kind is not EntryKind.FILE:
                    continue
                content = listing.open(position)
                assert content is not None
                assert _by_buffer(content) == _whole(listing, position)
                assert not content.changed()
                content.close()
                content.close()

    def test_a_second_walk_sees_the_same(self, tree: Tree) -> None:
        """The walk can be repeated, and what did not change looks the same."""
        first, second = (
            [(each.path, list(each.names), list(each.stamps), each.stamp) for each in tree.listings()] for _ in range(2)
        )

        assert [each[:2] for each in first] == [each[:2] for each in second]
        for old, new in zip(first, second, strict=True):
            for before, after in zip([*old[2], old[3]], [*new[2], new[3]], strict=True):
                assert before in (after, b"")

    def test_no_descriptor_is_left_open(self, tree: Tree) -> None:
        """Neither by a walk that ends nor by one that is given up."""
        before = set(os.listdir("/proc/self/fd"))
        for listing in tree.listings():
            for position in range(len(listing.names)):
                listing.describe(position)
        walk = iter(tree.listings())
        next(walk)
        next(walk)
        del walk, listing

        assert set(os.listdir("/proc/self/fd")) == before
