import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.vault.spoilt import CATALOG, DOMAIN, PACK, SESSION, TABLE_KEY, VAULT, seeds, spoil, tries
from tests.unit.vault.test_segments import seal as seal_example

from rebond.errors import RebondError, VaultDamaged, WrongKey
from rebond.identifiers import DomainId, SessionId, VaultId
from rebond.vault.headers import HEADER_SIZE
from rebond.vault.packs import (
    FilledPack,
    PackBuilder,
    PackedSegment,
    hash_in_name,
    open_table,
    pack_name,
    read_tail,
    scan_segments,
    seal_table,
    table_binding,
    tail_size,
)
from rebond.vault.primitives import hash_of


def packed(number: int, size: int = 10, session: SessionId = SESSION) -> PackedSegment:
    sealed = seal_example(bytes([number]) * size, number=number, session=session)
    table = seal_table(TABLE_KEY, table_binding(VAULT, DOMAIN, session, number), bytes([number]) * 64)
    return PackedSegment(session, number, 1, sealed.stored, hash_of(sealed.stored), size, table, 2)


def fill(*segments: PackedSegment) -> FilledPack:
    builder = PackBuilder(VAULT, DOMAIN)
    for segment in segments:
        builder.add(segment)
    return builder.fill(CATALOG)


SEGMENTS = [packed(number, 10 + 100 * number) for number in range(4)]
FILLED = fill(*SEGMENTS)


def test_a_pack_is_named_by_its_bytes() -> None:
    assert FILLED.name == pack_name(hash_of(FILLED.content))
    assert FILLED.name == f"packs/{FILLED.pack_hash.hex()[:2]}/{FILLED.pack_hash.hex()}"
    assert hash_in_name(FILLED.name) == FILLED.pack_hash


def test_the_tail_says_where_every_segment_and_table_lies() -> None:
    rows = read_tail(FILLED.content, FILLED.content[:HEADER_SIZE], (CATALOG,))

    assert tuple(rows) == FILLED.rows
    for row, segment in zip(rows, SEGMENTS, strict=True):
        assert FILLED.content[row.offset : row.offset + row.stored_length] == segment.stored
        assert FILLED.content[row.table_offset : row.table_offset + row.table_length] == segment.table
        assert (row.number, row.raw_length, row.chunk_count) == (segment.number, segment.raw_length, 2)


def test_the_end_of_a_pack_is_enough_to_read_its_tail() -> None:
    end = FILLED.content[-tail_size(FILLED.content[-8:]) :]

    assert tuple(read_tail(end, FILLED.content[:HEADER_SIZE], (CATALOG,))) == FILLED.rows


def test_segments_are_found_without_tail_and_key() -> None:
    places = [(row.offset, row.stored_length) for row in FILLED.rows]

    assert scan_segments(FILLED.content, VAULT) == places
    assert scan_segments(FILLED.content[: -tail_size(FILLED.content)], VAULT) == places
    assert scan_segments(FILLED.content[: places[2][0] + 100], VAULT) == places[:2]


def test_another_domains_key_opens_no_tail() -> None:
    with pytest.raises(WrongKey):
        read_tail(FILLED.content, FILLED.content[:HEADER_SIZE], (bytes(32),))


def test_a_tail_belongs_to_its_pack_header() -> None:
    header = bytearray(FILLED.content[:HEADER_SIZE])
    header[47] ^= 1

    with pytest.raises(VaultDamaged):
        read_tail(FILLED.content, bytes(header), (CATALOG,))


@pytest.mark.parametrize("end", [b"", b"RBPK", bytes(8), b"\0\0\0\0RBPX"])
def test_bytes_that_do_not_end_as_a_pack_are_damage(end: bytes) -> None:
    with pytest.raises(VaultDamaged):
        read_tail(end, FILLED.content[:HEADER_SIZE], (CATALOG,))


@pytest.mark.parametrize("length", [0, 1, 51, 2**32 - 1])
def test_a_tail_of_an_absurd_length_is_an_error_of_ours(length: int) -> None:
    content = FILLED.content[:-8] + length.to_bytes(4, "little") + b"RBPK"

    with pytest.raises(RebondError):
        read_tail(content, FILLED.content[:HEADER_SIZE], (CATALOG,))


def test_a_pack_of_another_vault_is_damage() -> None:
    with pytest.raises(VaultDamaged):
        scan_segments(FILLED.content, VaultId(bytes(16)))


def test_a_builder_begins_afresh_after_each_pack() -> None:
    builder = PackBuilder(VAULT, DOMAIN)
    builder.add(SEGMENTS[0])
    first = builder.fill(CATALOG)
    builder.add(SEGMENTS[1])

    assert len(builder) == 1
    assert [row.number for row in first.rows] == [0]
    assert [row.number for row in builder.fill(CATALOG).rows] == [1]


def test_two_small_packs_become_one() -> None:
    first, second = PackBuilder(VAULT, DOMAIN), PackBuilder(VAULT, DOMAIN)
    first.add(SEGMENTS[0])
    second.add(SEGMENTS[1])
    first.take_over(second)

    assert (len(first), len(second)) == (2, 0)
    assert [row.number for row in first.fill(CATALOG).rows] == [0, 1]


def test_the_size_that_a_builder_tells_is_never_too_small() -> None:
    builder = PackBuilder(VAULT, DOMAIN)
    for segment in SEGMENTS:
        builder.add(segment)
    told = builder.size

    assert len(builder.fill(CATALOG).content) <= told + 100


def test_a_table_belongs_to_one_segment_of_one_domain() -> None:
    ids = bytes(range(64))
    binding = table_binding(VAULT, DOMAIN, SESSION, 5)
    table = seal_table(TABLE_KEY, binding, ids)

    assert open_table(TABLE_KEY, table, binding, 2) == ids
    for other in (
        table_binding(VAULT, DOMAIN, SESSION, 6),
        table_binding(VAULT, DOMAIN, SessionId(bytes(16)), 5),
        table_binding(VAULT, DomainId(bytes(8)), SESSION, 5),
        table_binding(VaultId(bytes(16)), DOMAIN, SESSION, 5),
    ):
        with pytest.raises(VaultDamaged):
            open_table(TABLE_KEY, table, other, 2)
    with pytest.raises(WrongKey):
        open_table(bytes(32), table, binding, 2)


@pytest.mark.parametrize("count", [-1, 0, 1, 3, 2**40])
def test_a_table_with_another_count_than_its_row_is_damage(count: int) -> None:
    binding = table_binding(VAULT, DOMAIN, SESSION, 5)

    with pytest.raises(VaultDamaged):
        open_table(TABLE_KEY, seal_table(TABLE_KEY, binding, bytes(64)), binding, count)


@pytest.mark.parametrize("name", ["packs/00/abcd", "packs/00/" + "g" * 64, "packs", "", "packs/00/" + "0" * 66])
def test_a_name_without_a_hash_has_none(name: str) -> None:
    assert hash_in_name(name) is None


@given(seed=seeds)
@tries(120)
def test_a_spoilt_pack_is_scanned_within_its_bounds(seed: int) -> None:
    spoilt = spoil(PACK, seed)
    try:
        found = scan_segments(spoilt, VAULT)
    except RebondError:
        return
    ends = [HEADER_SIZE, *(offset + length for offset, length in found)]
    assert all(offset == end for (offset, _), end in zip(found, itertools.chain(ends), strict=False))
    assert ends[-1] <= len(spoilt)


@given(seed=seeds, from_end=st.booleans())
@tries(120)
def test_a_spoilt_tail_opens_to_the_same_rows_or_not_at_all(seed: int, from_end: bool) -> None:
    size = tail_size(PACK)
    spoilt = PACK[:-size] + spoil(PACK[-size:], seed) if from_end else spoil(PACK, seed)
    try:
        rows = read_tail(spoilt, PACK[:HEADER_SIZE], (CATALOG,))
    except RebondError:
        return
    assert rows == read_tail(PACK, PACK[:HEADER_SIZE], (CATALOG,))
