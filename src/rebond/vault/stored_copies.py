"""Segments as packs hold them, several of one pack by one request; whoever opens them judges what came."""

from collections.abc import Sequence

from rebond.errors import FormatTooNew, ObjectMissing, ShortRead, VaultDamaged, WrongKey
from rebond.store.protocol import Store
from rebond.vault.credentials import Credentials
from rebond.vault.decoded_segments import StoredCopy
from rebond.vault.packs import pack_name
from rebond.vault.segment_directory import SegmentDirectory
from rebond.vault.segment_places import SegmentPlace
from rebond.vault.segments import decode_segment_header


def read_stored_copies(
    store: Store, credentials: Credentials, segments: SegmentDirectory, copies: Sequence[tuple[int, SegmentPlace]]
) -> list[StoredCopy | None]:
    """Read copies that lie in one pack, by one request for all that is between the first and the last of them.

    ``None`` for what is not there, or is no segment that these credentials open. May be called from several threads.
    """
    start = min(copy.offset for _, copy in copies)
    end = max(copy.offset + copy.stored_length for _, copy in copies)
    try:
        content = store.read(pack_name(copies[0][1].pack_hash), start=start, length=end - start)
    except (ObjectMissing, ShortRead):
        return [None] * len(copies)
    found: list[StoredCopy | None] = []
    for place, copy in copies:
        stored = bytes(content[copy.offset - start : copy.offset - start + copy.stored_length])
        try:
            seed = credentials.sealing_seed(decode_segment_header(stored).epoch)
        except (VaultDamaged, FormatTooNew, WrongKey):
            found.append(None)
            continue
        session, number = segments.name_of(place)
        found.append(StoredCopy(stored, copy.stored_hash, session, number, seed))
    return found
