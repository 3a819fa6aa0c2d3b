import msgspec
import pytest
from hypothesis import given
from tests.unit.vault.spoilt import (
    CATALOG,
    DOMAIN,
    INDEX,
    MEMBER,
    SESSION,
    SIGNER,
    SIGNING_SEED,
    TABLE_KEY,
    VAULT,
    seeds,
    spoil,
    tries,
)
from tests.unit.vault.test_packs import FILLED, fill, packed

from rebond.errors import ForeignObject, RebondError, VaultDamaged, WrongKey
from rebond.identifiers import MemberId, ObjectName, VaultId
from rebond.store.memory import MemoryStore
from rebond.testing.manual_clock import ManualClock
from rebond.vault.index import (
    IndexCatalog,
    IndexList,
    build_index_list,
    catalog_size,
    index_name,
    parse_index_list,
    read_index_object,
    verify_index_list,
)
from rebond.vault.packs import FilledPack, SegmentRow, open_table, table_binding
from rebond.vault.primitives import verify_key
from rebond.vault.records import decode, encode
from rebond.vault.segment_directory import SegmentDirectory
from rebond.vault.segment_places import SegmentPlaces

OTHER = fill(packed(7), packed(9))
NAME = ObjectName("index/list")


def build(*packs: FilledPack, replaces: tuple[str, ...] = ()) -> bytes:
    return build_index_list(
        [(pack.pack_hash, len(pack.content), pack.rows, pack.tables) for pack in packs],
        vault_id=VAULT,
        domain=DOMAIN,
        catalog_key=CATALOG,
        member=MEMBER,
        signing_key=SIGNER,
        replaces=replaces,
    )


def parse(content: bytes) -> tuple[IndexList, bytes, bytes]:
    return parse_index_list(NAME, content, VAULT, (CATALOG,))


LIST = build(FILLED, OTHER, replaces=("index/older",))


def test_a_list_names_its_packs_with_their_maker() -> None:
    index, signed, signature = parse(LIST)
    verify_index_list(verify_key(SIGNING_SEED), signed, signature)

    assert [(pack.pack_hash, pack.size) for pack in index.catalog.packs] == [
        (pack.pack_hash, len(pack.content)) for pack in (FILLED, OTHER)
    ]
    assert index.catalog.replaces == ["index/older"]
    assert index.member == MEMBER
    assert {row.member for pack in index.catalog.packs for row in pack.rows} == {MEMBER}


def test_a_list_holds_the_table_of_every_segment_byte_for_byte() -> None:
    index, _, _ = parse(LIST)

    for pack, filled in zip(index.catalog.packs, (FILLED, OTHER), strict=True):
        for row, table in zip(pack.rows, filled.tables, strict=True):
            assert index.table(row) == table
            binding = table_binding(VAULT, DOMAIN, SESSION, row.number)
            assert open_table(TABLE_KEY, index.table(row), binding, row.chunk_count) == bytes([row.number]) * 64


def test_a_merged_list_keeps_who_made_each_segment() -> None:
    stranger = MemberId(b"stranger")
    rows = [msgspec.structs.replace(row, member=stranger) for row in OTHER.rows]
    content = build_index_list(
        [(OTHER.pack_hash, 1, rows, OTHER.tables)],
        vault_id=VAULT,
        domain=DOMAIN,
        catalog_key=CATALOG,
        member=MEMBER,
        signing_key=SIGNER,
    )

    assert {row.member for row in parse(content)[0].catalog.packs[0].rows} == {stranger}


def test_the_start_of_a_list_is_enough_for_its_catalog() -> None:
    start = LIST[: catalog_size(LIST[:52])]

    assert parse(start)[0].catalog == parse(LIST)[0].catalog
    with pytest.raises(VaultDamaged):
        parse(start)[0].table(parse(LIST)[0].catalog.packs[0].rows[0])


@pytest.mark.parametrize("size", [0, 47, 48, 51, 52, 60, 200])
def test_a_list_that_is_cut_short_is_damage(size: int) -> None:
    with pytest.raises(VaultDamaged):
        parse(LIST[:size])


def test_another_vault_or_key_opens_no_list() -> None:
    with pytest.raises(VaultDamaged):
        parse_index_list(NAME, LIST, VaultId(bytes(16)), (CATALOG,))
    with pytest.raises(WrongKey):
        parse_index_list(NAME, LIST, VAULT, (bytes(32),))


def test_a_list_signed_by_nobody_of_the_vault_is_foreign() -> None:
    _, signed, signature = parse(LIST)

    with pytest.raises(ForeignObject):
        verify_index_list(verify_key(bytes(32)), signed, signature)
    with pytest.raises(ForeignObject):
        verify_index_list(verify_key(SIGNING_SEED), signed[:-1] + b"\0", signature)


def test_swapped_tables_open_nothing() -> None:
    index, _, _ = parse(LIST)
    first, second = index.catalog.packs[0].rows[:2]
    swapped = msgspec.structs.replace(first, table_offset=second.table_offset, table_length=second.table_length)

    with pytest.raises(VaultDamaged):
        open_table(TABLE_KEY, index.table(swapped), table_binding(VAULT, DOMAIN, SESSION, first.number), 2)


@pytest.mark.parametrize("offset", [-100, -1, 10**6, 2**63])
@pytest.mark.parametrize("length", [-100, 0, 10, 2**63])
def test_a_row_that_points_outside_opens_no_table(offset: int, length: int) -> None:
    index, _, _ = parse(LIST)
    row = msgspec.structs.replace(index.catalog.packs[0].rows[0], table_offset=offset, table_length=length)

    with pytest.raises(VaultDamaged):
        open_table(TABLE_KEY, index.table(row), table_binding(VAULT, DOMAIN, SESSION, row.number), 2)


def test_a_list_whose_bytes_are_not_those_of_its_name_is_damage() -> None:
    store = MemoryStore(ManualClock())
    store.put_if_absent(index_name(DOMAIN, LIST), LIST)
    store.put_if_absent(index_name(DOMAIN, INDEX), LIST)

    assert read_index_object(store, index_name(DOMAIN, LIST)) == LIST
    with pytest.raises(VaultDamaged):
        read_index_object(store, index_name(DOMAIN, INDEX))


@given(seed=seeds)
@tries(150)
def test_a_spoilt_list_raises_only_errors_of_ours(seed: int) -> None:
    try:
        index, signed, signature = parse(spoil(INDEX, seed))
        verify_index_list(verify_key(SIGNING_SEED), signed, signature)
    except RebondError:
        return
    assert index.catalog == parse(INDEX)[0].catalog


@given(seed=seeds)
@tries(150)
def test_a_catalog_that_a_key_holder_made_up_is_one_or_damage(seed: int) -> None:
    try:
        catalog = decode(spoil(encode(parse(INDEX)[0].catalog), seed), IndexCatalog)
    except VaultDamaged:
        return
    assert isinstance(catalog.packs, list)


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": 2**24},
        {"number": 2**40},
        {"raw_length": 2**40},
        {"offset": -1},
        {"stored_length": -1},
        {"stored_length": 2**40},
    ],
    ids=str,
)
def test_a_row_with_impossible_numbers_is_damage(wrong: dict[str, int]) -> None:
    """Whoever holds K(d) and a member's key can say anything in a list; it must not take others down."""
    with pytest.raises(VaultDamaged):
        _use(decode(encode(msgspec.structs.replace(FILLED.rows[0], **wrong)), SegmentRow))


@pytest.mark.parametrize("number", [2**24, -(2**24)])
def test_a_row_never_speaks_of_another_sessions_segment(number: int) -> None:
    directory = SegmentDirectory([SESSION, b"session of yours"])

    with pytest.raises(VaultDamaged):
        directory.place(SESSION, number)


def _use(row: SegmentRow) -> None:
    directory = SegmentDirectory()
    directory.allow(directory.place(row.session, row.number), row.raw_length)
    SegmentPlaces(directory).add(bytes(32), row)
