import itertools
from collections import defaultdict
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.vault.spoilt import DIRECTORY, PAGES, TREE_KEY, TREE_OBJECTS, seeds, spoil, tries

from rebond.entries import Entry, EntryKind
from rebond.errors import VaultDamaged
from rebond.vault.primitives import keyed_id
from rebond.vault.trees import (
    CHUNK_ROW,
    LIST_THRESHOLD,
    PAGE_LEAST,
    PAGE_MOST,
    PAGE_THRESHOLD,
    StoredEntry,
    decode_entry,
    encode_entry,
    only_chunk,
    read_chunk_rows,
    read_directory,
    store_chunk_rows,
    store_directory,
    store_entry,
    store_whole_pages,
    with_directory,
)


class Objects(dict[bytes, bytes]):
    """Tree objects by id, kept as a vault would."""

    def keep(self, content: bytes) -> bytes:
        object_id = keyed_id(TREE_KEY, content)
        self[object_id] = content
        return object_id

    def store(self, names: list[bytes]) -> bytes:
        return store_directory(names, [encode_entry(file_named(name)) for name in names], TREE_KEY, self.keep)

    def entries(self, directory: bytes) -> list[StoredEntry]:
        return list(read_directory(directory, self.__getitem__))


def file_named(name: bytes, **more: object) -> StoredEntry:
    return msgspec.structs.replace(StoredEntry(name=name, kind="f"), **more)


def page_of(*entries: bytes) -> bytes:
    return b"\x81\xa1e" + bytes((0x90 | len(entries),)) + b"".join(entries)


def read(content: bytes, **others: bytes) -> list[StoredEntry]:
    objects = {b"root": content} | {name.encode(): other for name, other in others.items()}
    return list(read_directory(b"root", lambda object_id: objects[object_id]))


def numbered(count: int) -> list[bytes]:
    return [b"%06d" % number for number in range(count)]


LEAST = b"\xde\x00\x03\xa1n\xc4\x01a\xa1t\xa1f"
names = st.binary(min_size=1, max_size=12).filter(lambda name: name not in {b".", b".."} and not set(name) & {0, 47})


# -- entries ------------------------------------------------------------------------------------------

FULL = Entry(
    name=b"caf\xe9",
    kind=EntryKind.FILE,
    mode=0o4755,
    uid=1,
    gid=2**31,
    user="u",
    group="é",
    size=2**40,
    modified_ns=-1,
    target=b"t",
    device=3,
    link=(4, 5),
    xattrs=((b"user.a", b"\0"),),
    holes=((0, 4096),),
    flags=16,
    born_ns=0,
)


def test_an_entry_comes_back_with_everything() -> None:
    stored = decode_entry(store_entry(FULL, tree_id_key=TREE_KEY, chunks=bytes(36)))

    assert stored.to_entry() == msgspec.structs.replace(FULL, link=None)
    assert stored.chunks == bytes(36)
    assert stored.hard_link == keyed_id(TREE_KEY, (4).to_bytes(8, "little") + (5).to_bytes(8, "little"))[:16]


def test_keys_come_in_the_order_of_the_page_and_defaults_are_left_out() -> None:
    encoded = store_entry(FULL, tree_id_key=TREE_KEY, chunks=bytes(36), chunk_list=(bytes(32), 1))
    order = list(msgspec.msgpack.decode(with_directory(encoded, bytes(32))))

    assert order == list("ntmugUGsMSrhxofbcLd")
    least = store_entry(Entry(name=b"x", kind=EntryKind.FIFO), tree_id_key=TREE_KEY)
    assert msgspec.msgpack.decode(least) == {"n": b"x", "t": "p"}


def test_the_names_of_a_thing_share_an_identity_that_tells_nothing() -> None:
    def identity(link: tuple[int, int] | None, key: bytes = TREE_KEY) -> bytes:
        return decode_entry(store_entry(Entry(name=b"x", kind=EntryKind.FILE, link=link), tree_id_key=key)).hard_link

    assert identity((1, 2)) == identity((1, 2)) != identity((2, 1))
    assert identity((1, 2)) != identity((1, 2), bytes(32))
    assert identity(None) == b""


@pytest.mark.parametrize("keys", [0, 12, 13, 14, 15])
def test_a_directory_id_is_added_as_the_last_key_whatever_the_others(keys: int) -> None:
    fields = {"mode": 1, "uid": 1, "gid": 1, "user": "u", "group": "g", "size": 1, "modified_ns": 1, "target": b"t"}
    fields |= {"device": 1, "hard_link": b"h", "xattrs": ((b"a", b"b"),), "flags": 1, "born_ns": 1, "chunks": b"c"}
    fields["holes"] = ((0, 1),)
    entry = file_named(b"d", **dict(itertools.islice(fields.items(), keys)))
    added = with_directory(encode_entry(entry), bytes(32))

    assert added == encode_entry(msgspec.structs.replace(entry, directory=bytes(32)))


def test_an_entry_of_an_unknown_type_is_an_error_of_ours() -> None:
    with pytest.raises(VaultDamaged):
        file_named(b"x", kind="z").to_entry()


# -- directories --------------------------------------------------------------------------------------


@given(some=st.sets(names, max_size=30))
@tries(40)
def test_a_directory_gives_its_entries_back_in_order(some: set[bytes]) -> None:
    objects = Objects()

    assert [entry.name for entry in objects.entries(objects.store(sorted(some)))] == sorted(some)


@pytest.mark.parametrize("count", [0, 15, 16, PAGE_THRESHOLD, PAGE_THRESHOLD + 1, 9000])
def test_a_directory_of_any_size_gives_its_entries_back(count: int) -> None:
    objects = Objects()
    directory = objects.store(numbered(count))

    assert [entry.name for entry in objects.entries(directory)] == numbered(count)
    assert (len(objects) == 1) == (count <= PAGE_THRESHOLD)


def test_pages_are_neither_too_small_nor_too_large() -> None:
    objects = Objects()
    root = objects.store(numbered(9000))
    sizes = [len(msgspec.msgpack.decode(page)["e"]) for key, page in objects.items() if key != root]

    assert sum(sizes) == 9000
    assert max(sizes) <= PAGE_MOST
    assert sorted(sizes)[1] >= PAGE_LEAST  # the last one holds what is left


def test_one_new_name_changes_one_page_or_splits_it() -> None:
    before, after = Objects(), Objects()
    before.store(numbered(9000))
    after.store(sorted([*numbered(9000), b"004500 and a half"]))

    assert len(after.keys() - before.keys()) <= 3  # a page, perhaps its other half, and the list of pages


@pytest.mark.parametrize(
    "content",
    [
        page_of(encode_entry(file_named(b"b")), encode_entry(file_named(b"a"))),
        page_of(encode_entry(file_named(b"a")), encode_entry(file_named(b"a"))),
        page_of(b"\xde\x00\x03\xa1n\xc4\x01a\xa1t\xa1f\xa1m\x00"),
        page_of(b"\xde\x00\x03\xa1n\xc4\x01a\xa1t\xa1f\xa1m\xcd\x00\x05"),
        page_of(b"\xde\x00\x02\xa1t\xa1f\xa1n\xc4\x01a"),
        page_of(b"\xde\x00\x03\xa1n\xc4\x01a\xa1t\xa1f\xa1t\xa1f"),
        page_of(b"\xde\x00\x02\xa1n\xc5\x00\x01a\xa1t\xa1f"),
        b"\x81\xa1e\xdc\x00\x00",
        b"\x82\xa1e\x90\xa1l\x00",
        b"\x82\xa1l\x00\xa1e\x90",
    ],
    ids=[
        "unsorted",
        "twice",
        "default",
        "long integer",
        "order",
        "key twice",
        "long bytes",
        "long array",
        "l",
        "l first",
    ],
)
def test_a_directory_that_is_not_in_its_one_form_is_damage(content: bytes) -> None:
    with pytest.raises(VaultDamaged):
        read(content)


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"/", b"a\0", b"../a", b"a/"])
def test_a_name_that_could_leave_its_directory_is_damage(name: bytes) -> None:
    with pytest.raises(VaultDamaged):
        read(page_of(encode_entry(file_named(name))))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80",
        b"\x90",
        b"\xc0",
        b"\x81\xa1e\xc0",
        b"\x81\xa1e\x91\xc0",
        b"\x82\xa1p\xc4\x00\xa1l\x01",
        b"\x82\xa1p\xc4\x04root\xa1l\x01",
        b"\x81\xa1p\xc4\x20" + bytes(32),
        b"\x82\xa1p\xc4\x20" + bytes(32) + b"\xa1l\x00",
        b"\x82\xa1p\xc4\x20" + bytes(32) + b"\xa1l\xff",
        b"\x81\xa1e\xdd\xff\xff\xff\xff",
    ],
)
def test_a_directory_object_that_is_none_is_damage(content: bytes) -> None:
    with pytest.raises(VaultDamaged):
        read(content)


def pages(level: int, *page_ids: bytes) -> bytes:
    joined = b"".join(page_ids)
    return b"\x82\xa1p\xc4" + bytes((len(joined),)) + joined + b"\xa1l" + bytes((level,))


def read_pages(**objects: bytes) -> list[StoredEntry]:
    padded = {name.encode().ljust(32): content for name, content in objects.items()}
    return list(read_directory(b"root".ljust(32), lambda object_id: padded[object_id]))


def test_a_page_at_the_wrong_level_is_damage() -> None:
    leaf = page_of(encode_entry(file_named(b"a")))
    below = b"below".ljust(32)
    middle = pages(1, b"leaf".ljust(32))

    assert len(read_pages(root=pages(1, below), below=leaf)) == 1
    assert len(read_pages(root=pages(2, below), below=middle, leaf=leaf)) == 1
    for objects in (
        {"root": pages(2, below), "below": leaf},
        {"root": pages(1, below), "below": middle, "leaf": leaf},
        {"root": pages(3, below), "below": middle, "leaf": leaf},
    ):
        with pytest.raises(VaultDamaged):
            read_pages(**objects)


@pytest.mark.parametrize("names_of_pages", [(b"a", b"a"), (b"b", b"a")])
def test_pages_out_of_order_are_damage(names_of_pages: tuple[bytes, bytes]) -> None:
    """A page named a thousand times is a directory without end, made of a few bytes."""
    first, second = (page_of(encode_entry(file_named(name))) for name in names_of_pages)

    with pytest.raises(VaultDamaged):
        read_pages(root=pages(1, b"first".ljust(32), b"second".ljust(32)), first=first, second=second)


def test_pages_nested_beyond_reason_are_damage() -> None:
    def read_level(object_id: bytes) -> bytes:
        depth = int.from_bytes(object_id[:4], "big")
        below, level = (depth + 1).to_bytes(4, "big").ljust(32), (5000 - depth).to_bytes(2, "big")
        return b"\x82\xa1p\xc4\x20" + below + b"\xa1l\xcd" + level

    with pytest.raises(VaultDamaged):
        list(read_directory(bytes(32), read_level))


@pytest.mark.parametrize(
    "decode", [lambda deep: read(b"\x82\xa1e\x90" + deep), lambda deep: decode_entry(LEAST + deep)]
)
def test_an_unknown_key_nested_beyond_reason_is_damage(decode: Callable[[bytes], object]) -> None:
    with pytest.raises(VaultDamaged):
        decode(b"\xa1z" + b"\x91" * 2_000_000 + b"\xc0")  # from Python 3.14 on only the stack ends it


# -- lists of chunks ----------------------------------------------------------------------------------


def rows_of(count: int) -> list[bytes]:
    return [CHUNK_ROW.pack(keyed_id(TREE_KEY, number.to_bytes(4, "big")), number + 1) for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, LIST_THRESHOLD, LIST_THRESHOLD + 1, 20_000])
def test_a_file_of_any_size_gives_its_rows_back(count: int) -> None:
    objects = Objects()
    rows, chunk_list = store_chunk_rows(rows_of(count), objects.keep)
    entry = file_named(b"x", size=count * (count + 1) // 2, chunks=rows, chunk_list=chunk_list)

    assert list(read_chunk_rows(entry, objects.__getitem__)) == [CHUNK_ROW.unpack(row) for row in rows_of(count)]
    assert (chunk_list is None) == (count <= LIST_THRESHOLD)


def test_appending_to_a_large_file_leaves_its_earlier_lists_alone() -> None:
    before, after = Objects(), Objects()
    store_chunk_rows(rows_of(20_000), before.keep)
    store_chunk_rows(rows_of(20_010), after.keep)

    assert len(after.keys() - before.keys()) <= 3


@pytest.mark.parametrize("level", [-1, 0, 9, 2**31])
def test_a_list_of_an_impossible_level_is_damage(level: int) -> None:
    with pytest.raises(VaultDamaged):
        list(read_chunk_rows(file_named(b"x", chunk_list=(bytes(32), level)), lambda _: bytes(36)))


def test_a_list_that_is_cut_short_is_damage() -> None:
    for entry, content in (
        (file_named(b"x", chunks=bytes(35)), b""),
        (file_named(b"x", chunk_list=(bytes(32), 1)), bytes(37)),
        (file_named(b"x", chunk_list=(bytes(32), 2)), bytes(33)),
    ):
        with pytest.raises(VaultDamaged):
            list(read_chunk_rows(entry, {bytes(32): content}.__getitem__))


def test_a_list_that_names_itself_over_and_over_ends() -> None:
    """Eight small objects can name 10^20 rows; the file says that it has ten bytes."""

    def read_list(list_id: bytes) -> bytes:
        level = list_id[0]
        return bytes([level + 1]) * 32 * 100 if level < 7 else CHUNK_ROW.pack(bytes(32), 1)

    entry = file_named(b"x", size=10, chunk_list=(bytes(32), 8))
    with pytest.raises(VaultDamaged):
        list(itertools.islice(read_chunk_rows(entry, read_list), 1000))


@given(seed=seeds)
@tries(150)
def test_spoilt_tree_objects_raise_only_damage(seed: int) -> None:
    for content in (DIRECTORY, PAGES):
        objects = defaultdict(bytes, TREE_OBJECTS | {b"root": spoil(content, seed)})
        try:
            for entry in read_directory(b"root", objects.__getitem__):
                list(read_chunk_rows(entry, objects.__getitem__))
        except VaultDamaged:
            continue


def test_the_only_chunk_of_a_file_is_what_its_rows_say_and_nothing_is_said_of_other_files() -> None:
    row = CHUNK_ROW.pack(b"\x07" * 32, 30)
    whole = StoredEntry(name=b"f", kind="f", size=30, chunks=row)

    assert only_chunk(whole) == next(read_chunk_rows(whole, _no_reading)) == (b"\x07" * 32, 30)
    for other in (
        StoredEntry(name=b"f", kind="f", size=60, chunks=row * 2),
        StoredEntry(name=b"f", kind="f", size=29, chunks=row),  # damage: its rows say more than its size
        StoredEntry(name=b"f", kind="f", size=30, chunks=CHUNK_ROW.pack(b"\x07" * 32, 0)),
        StoredEntry(name=b"f", kind="f", size=30, chunks=row[:-1]),
        StoredEntry(name=b"f", kind="f", size=40, chunks=row, holes=((30, 10),)),
        StoredEntry(name=b"f", kind="f", size=30, chunk_list=(b"\x07" * 32, 1)),
        StoredEntry(name=b"f", kind="f"),
    ):
        assert only_chunk(other) is None


def _no_reading(_object_id: bytes) -> bytes:
    raise AssertionError("a file that has its rows in its entry needs no other object")


@given(count=st.integers(PAGE_THRESHOLD + 1, 3 * PAGE_THRESHOLD), gathered=st.integers(PAGE_THRESHOLD + 1, 4000))
@settings(max_examples=10, deadline=None)
def test_a_directory_whose_entries_come_by_and_by_is_cut_as_one_that_is_there_whole(count: int, gathered: int) -> None:
    names = [b"%06d" % number for number in range(count)]
    whole, objects = Objects(), Objects()
    directory = whole.store(names)

    held: tuple[list[bytes], list[bytes]] = ([], [])
    pages: list[bytes] = []
    for name in names:
        held[0].append(name)
        held[1].append(encode_entry(file_named(name)))
        if len(held[0]) > gathered:
            pages += store_whole_pages(*held, TREE_KEY, objects.keep)
            assert 0 < len(held[0]) == len(held[1]) <= PAGE_MOST

    assert store_directory(*held, TREE_KEY, objects.keep, pages) == directory
    assert list(objects.items()) == list(whole.items())
