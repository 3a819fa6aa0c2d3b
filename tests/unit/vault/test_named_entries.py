"""Entries by their names: the same as out of the whole directory, and a crowded one is not read for one of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.vault.spoilt import TREE_KEY

from rebond.errors import VaultDamaged
from rebond.vault.named_entries import find_entries
from rebond.vault.primitives import keyed_id
from rebond.vault.trees import StoredEntry, decode_page, encode_entry, page_ids, store_directory


class Objects:
    """Tree objects by id, kept as a vault would; ``reads`` counts how often one was asked for."""

    def __init__(self) -> None:
        self.kept: dict[bytes, bytes] = {}
        self.lost: set[bytes] = set()
        self.reads = 0

    def keep(self, content: bytes) -> bytes:
        object_id = keyed_id(TREE_KEY, content)
        self.kept[object_id] = content
        return object_id

    def read(self, object_id: bytes) -> bytes:
        self.reads += 1
        if object_id in self.lost:
            raise VaultDamaged("A piece of the directory tree is missing or damaged.")
        return self.kept[object_id]

    def store(self, names: list[bytes]) -> bytes:
        entries = [encode_entry(StoredEntry(name=name, kind="f")) for name in names]
        return store_directory(names, entries, TREE_KEY, self.keep)

    def find(self, directory: bytes, *names: bytes) -> list[bytes]:
        return [entry.name for entry in find_entries(directory, names, self.read)]


def numbered(count: int) -> list[bytes]:
    return [b"%07d" % number for number in range(0, 2 * count, 2)]


def crowd(count: int) -> tuple[Objects, bytes]:
    objects = Objects()
    return objects, objects.store(numbered(count))


CROWDS = {count: crowd(count) for count in (0, 1, 700, 8_000)}


@settings(deadline=None, max_examples=60)
@given(
    count=st.sampled_from(sorted(CROWDS)), wanted=st.sets(st.integers(-1, 16_001), max_size=12), others=st.booleans()
)
def test_they_are_those_of_the_whole_directory(count: int, wanted: set[int], others: bool) -> None:
    objects, directory = CROWDS[count]
    names = {b"%07d" % number for number in wanted} | ({b"", b"a", b"0", b"\xff"} if others else set())

    assert objects.find(directory, *names) == sorted(names & set(numbered(count)))


def test_the_first_and_the_last_of_every_page_are_found() -> None:
    objects, directory = crowd(8_000)
    pages = [decode_page(objects.kept[each], 0) for each in page_ids(decode_page(objects.kept[directory], None))]

    assert len(pages) > 5
    for page in pages:
        assert page.e is not None
        assert objects.find(directory, page.e[0].name) == [page.e[0].name]
        assert objects.find(directory, page.e[-1].name) == [page.e[-1].name]


@pytest.mark.parametrize("name", [b"0000000", b"0039998", b"0079998", b"0023456", b"0000001", b"", b"z"])
def test_a_crowded_directory_is_not_read_for_one_name(name: bytes) -> None:
    objects, directory = crowd(40_000)
    pages = len(objects.kept)

    assert objects.find(directory, name) == ([name] if name in set(numbered(40_000)) else [])
    assert pages > 30
    assert objects.reads <= 2 + pages.bit_length()


def test_for_many_names_every_page_is_read_once() -> None:
    objects, directory = crowd(40_000)
    wanted = numbered(40_000)[::100]

    assert objects.find(directory, *wanted) == wanted
    assert objects.reads <= len(objects.kept) + 1


def test_a_lost_page_costs_what_stands_in_it_and_behind_it_and_is_told() -> None:
    objects, directory = crowd(40_000)
    pages = [object_id for object_id in objects.kept if object_id != directory]
    middle = pages[len(pages) // 2]
    objects.lost = {middle}

    first, last = numbered(40_000)[0], numbered(40_000)[-1]
    found = find_entries(directory, {first, last}, objects.read)

    assert next(found).name == first
    with pytest.raises(VaultDamaged):
        list(found)
