"""A stored segment that is opened for a few of its chunks: these are checked as ever, and nothing else is found."""

import pytest

from rebond.errors import VaultDamaged
from rebond.identifiers import DomainId, SessionId, VaultId
from rebond.vault.decoded_segments import CopyOpener, StoredCopy, pays_to_spare
from rebond.vault.frames import LEVELS, Compressor, build_frame, join_chunks
from rebond.vault.primitives import (
    hash_of,
    keyed_id,
    sealing_private_key,
    sealing_public_bytes,
    sealing_public_key,
)
from rebond.vault.segments import SegmentKind, seal_segment

SEED, ID_KEY, SESSION = bytes(range(32)), b"i" * 32, SessionId(b"s" * 16)
CHUNKS = [b"%d " % number * 5000 for number in range(40)]
IDS = [keyed_id(ID_KEY, each) for each in CHUNKS]


def seal(ids: list[bytes]) -> StoredCopy:
    sealed = seal_segment(
        sealing_public_key(sealing_public_bytes(SEED)),
        build_frame(join_chunks(ids, CHUNKS), Compressor(LEVELS["balanced"])),
        kind=SegmentKind.DATA,
        epoch=0,
        vault_id=VaultId(b"v" * 16),
        domain=DomainId(b"d" * 16),
        session=SESSION,
        number=3,
    )
    return StoredCopy(sealed.stored, hash_of(sealed.stored), SESSION, 3, SEED)


def test_only_what_was_asked_for_is_found_in_it() -> None:
    segment = CopyOpener(ID_KEY).open(seal(IDS), {IDS[5][:16]})

    assert segment is not None
    assert bytes(segment.find(IDS[5][:16]) or b"") == CHUNKS[5]
    assert [each[:16] in segment for each in IDS] == [number == 5 for number in range(len(IDS))]
    assert not segment.is_whole
    assert len(segment.raw) < sum(map(len, CHUNKS)) / 2


def test_a_chunk_that_is_asked_for_and_is_not_what_its_id_says_is_damage() -> None:
    spoilt = seal([*IDS[:5], bytes(32), *IDS[6:]])
    key = sealing_private_key(SEED)

    with pytest.raises(VaultDamaged):
        spoilt.open(key, ID_KEY, {bytes(16)})
    with pytest.raises(VaultDamaged):
        spoilt.open(key, ID_KEY)
    other = spoilt.open(key, ID_KEY, {IDS[30][:16]}).find(IDS[30][:16])
    assert bytes(other or b"") == CHUNKS[30]


def test_bytes_that_changed_are_damage_wherever_they_lie() -> None:
    copy = seal(IDS)
    changed = bytearray(copy.stored)
    changed[-1] ^= 1

    opener = CopyOpener(ID_KEY)
    assert opener.open(StoredCopy(bytes(changed), copy.stored_hash, SESSION, 3, SEED), {IDS[0][:16]}) is None
    assert opener.open(StoredCopy(bytes(changed), hash_of(changed), SESSION, 3, SEED), {IDS[0][:16]}) is None


def test_a_quarter_of_a_segment_is_taken_out_of_the_whole() -> None:
    assert pays_to_spare([])
    assert pays_to_spare([1, 2, 1000])
    assert not pays_to_spare([900_000, 200_000])
