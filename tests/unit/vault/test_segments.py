import pytest
from hypothesis import given
from tests.unit.vault.spoilt import DOMAIN, PRIVATE, PUBLIC, SESSION, VAULT, seeds, spoil, tries

from rebond.errors import FormatTooNew, RebondError, VaultDamaged, WrongKey
from rebond.identifiers import DomainId, SessionId, VaultId
from rebond.vault.primitives import WRAP_SIZE, hash_of, sealing_private_key
from rebond.vault.segments import (
    SEGMENT_HEADER_SIZE,
    SEGMENT_OVERHEAD,
    SealedSegment,
    SegmentKind,
    decode_segment_header,
    open_segment,
    seal_segment,
    segment_matches,
)

FRAME = b"a frame, which is any bytes here"


def seal(
    frame: bytes = FRAME,
    *,
    kind: SegmentKind = SegmentKind.DATA,
    number: int = 0,
    session: SessionId = SESSION,
    domain: DomainId = DOMAIN,
    vault: VaultId = VAULT,
    epoch: int = 1,
) -> SealedSegment:
    return seal_segment(
        PUBLIC, frame, kind=kind, epoch=epoch, vault_id=vault, domain=domain, session=session, number=number
    )


SEALED = seal()


@pytest.mark.parametrize("kind", SegmentKind)
def test_a_segment_opens_with_the_private_key_and_says_what_it_is(kind: SegmentKind) -> None:
    sealed = seal(kind=kind, number=2**32 - 1, epoch=7)
    header = decode_segment_header(sealed.stored)

    assert open_segment(sealed.stored, PRIVATE) == FRAME
    assert header == sealed.header
    assert (header.kind, header.number, header.epoch) == (kind, 2**32 - 1, 7)
    assert len(sealed.stored) == header.stored_length == len(FRAME) + SEGMENT_OVERHEAD


def test_whoever_sealed_it_can_look_once_more_before_it_is_put() -> None:
    assert SEALED.open_again() == FRAME


def test_the_same_frame_is_never_sealed_the_same_way_twice() -> None:
    first, second = seal(), seal()

    assert first.data_key != second.data_key
    assert first.stored[SEGMENT_HEADER_SIZE:] != second.stored[SEGMENT_HEADER_SIZE:]


def test_another_private_key_opens_nothing() -> None:
    with pytest.raises(WrongKey):
        open_segment(SEALED.stored, sealing_private_key(bytes(32)))


@pytest.mark.parametrize("offset", range(SEGMENT_HEADER_SIZE))
def test_every_byte_of_the_header_is_bound_to_the_content(offset: int) -> None:
    changed = bytearray(SEALED.stored)
    changed[offset] ^= 2

    with pytest.raises((VaultDamaged, WrongKey, FormatTooNew)):
        open_segment(changed, PRIVATE)


@pytest.mark.parametrize("offset", [SEGMENT_HEADER_SIZE, SEGMENT_HEADER_SIZE + WRAP_SIZE - 1])
def test_a_changed_wrap_opens_nothing(offset: int) -> None:
    changed = bytearray(SEALED.stored)
    changed[offset] ^= 1

    with pytest.raises(WrongKey):
        open_segment(changed, PRIVATE)


def test_a_changed_ciphertext_is_damage() -> None:
    for offset in (SEGMENT_HEADER_SIZE + WRAP_SIZE, -1):
        changed = bytearray(SEALED.stored)
        changed[offset] ^= 1
        with pytest.raises(VaultDamaged):
            open_segment(changed, PRIVATE)


def test_parts_of_two_segments_do_not_make_a_third() -> None:
    other = seal(number=1)
    end = SEGMENT_HEADER_SIZE + WRAP_SIZE

    for mixed in (
        SEALED.stored[:SEGMENT_HEADER_SIZE] + other.stored[SEGMENT_HEADER_SIZE:],
        SEALED.stored[:end] + other.stored[end:],
        SEALED.stored[:SEGMENT_HEADER_SIZE] + other.stored[SEGMENT_HEADER_SIZE:end] + SEALED.stored[end:],
    ):
        with pytest.raises((VaultDamaged, WrongKey)):
            open_segment(mixed, PRIVATE)


@pytest.mark.parametrize("change", [-1, 1, -len(SEALED.stored), -len(SEALED.stored) + 59])
def test_a_segment_of_another_length_is_damage(change: int) -> None:
    content = SEALED.stored + b"x" if change > 0 else SEALED.stored[:change]

    with pytest.raises(VaultDamaged):
        open_segment(content, PRIVATE)


def test_a_kind_of_a_later_version_is_too_new() -> None:
    later = bytearray(SEALED.stored)
    later[5] = 77

    with pytest.raises(FormatTooNew):
        decode_segment_header(later)


def test_a_row_matches_only_its_own_bytes() -> None:
    assert segment_matches(SEALED.stored, hash_of(SEALED.stored))
    assert not segment_matches(SEALED.stored + b"x", hash_of(SEALED.stored))
    assert not segment_matches(SEALED.stored, hash_of(SEALED.stored)[:31])
    assert not segment_matches(SEALED.stored, b"")


@given(seed=seeds)
@tries(80)
def test_a_spoilt_segment_never_opens_and_raises_only_errors_of_ours(seed: int) -> None:
    spoilt = spoil(SEALED.stored, seed)
    if spoilt != SEALED.stored:
        with pytest.raises(RebondError):
            open_segment(spoilt, PRIVATE)
