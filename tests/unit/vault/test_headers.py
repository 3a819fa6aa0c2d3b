import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.vault.spoilt import DOMAIN, VAULT, tries

from rebond.errors import FormatTooNew, VaultDamaged
from rebond.identifiers import VaultId
from rebond.vault.headers import HEADER_SIZE, ClearHeader, ObjectKind, decode_header, with_sum, without_sum

HEADER = ClearHeader(kind=ObjectKind.SNAPSHOT, vault_id=VAULT, domain=DOMAIN).encode()


@pytest.mark.parametrize("kind", ObjectKind)
def test_a_header_says_again_what_it_was_told(kind: ObjectKind) -> None:
    header = ClearHeader(kind=kind, vault_id=VAULT, domain=DOMAIN)

    assert decode_header(header.encode() + b"more", kind, VAULT) == header
    assert len(header.encode()) == HEADER_SIZE == 48


def test_the_bytes_of_a_header_are_those_of_the_page() -> None:
    assert b"RBND\x01\x04\x01\x00" + VAULT + DOMAIN + bytes(16) == HEADER


@pytest.mark.parametrize("size", [0, 4, 47])
def test_a_header_that_is_cut_is_damage(size: int) -> None:
    with pytest.raises(VaultDamaged):
        decode_header(HEADER[:size], ObjectKind.SNAPSHOT)


@pytest.mark.parametrize("offset", [4, 6, 7])
def test_a_later_version_suite_or_flag_is_too_new_whatever_else_is_wrong(offset: int) -> None:
    later = bytearray(HEADER)
    later[offset] = 200

    with pytest.raises(FormatTooNew):
        decode_header(later, ObjectKind.PACK, VaultId(bytes(16)))


def test_another_kind_vault_or_beginning_is_damage() -> None:
    with pytest.raises(VaultDamaged):
        decode_header(HEADER, ObjectKind.PACK, VAULT)
    with pytest.raises(VaultDamaged):
        decode_header(HEADER, ObjectKind.SNAPSHOT, VaultId(bytes(16)))
    with pytest.raises(VaultDamaged):
        decode_header(b"RBNd" + HEADER[4:], ObjectKind.SNAPSHOT)


@given(content=st.binary(max_size=200), at=st.integers(0, 1000), bit=st.integers(0, 7))
@tries(40)
def test_any_changed_bit_spoils_the_sum(content: bytes, at: int, bit: int) -> None:
    summed = with_sum(content)
    assert bytes(without_sum(summed)) == content

    spoilt = bytearray(summed)
    spoilt[at % len(spoilt)] ^= 1 << bit
    with pytest.raises(VaultDamaged):
        without_sum(spoilt)


@pytest.mark.parametrize("size", [0, 31])
def test_bytes_too_short_for_a_sum_are_damage(size: int) -> None:
    with pytest.raises(VaultDamaged):
        without_sum(bytes(size))
