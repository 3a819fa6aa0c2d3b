"""The end of a log that is still written: what there is of an unfinished segment, in pieces that are put once each.

A piece is the bytes from one offset to another; together, from the beginning on, they are the segment so far. What is
behind them is zeros, as PostgreSQL has it.
"""

import re

from rebond.identifiers import ObjectName
from rebond.store.protocol import ObjectInfo
from rebond.vault.access import Vault
from rebond.vault.frames import LEVELS
from rebond.vault.stream_catalogue import list_stream, list_streams, read_record
from rebond.vault.streams import put_item, read_stored

_ITEM = re.compile(r"([0-9a-f]{8})-([0-9a-f]{8})")
TAIL_PREFIX = "wal-tail/"


def stream_of_tail(system_id: int, name: str) -> str:
    """The stream of a vault with the pieces of one unfinished segment."""
    return f"{TAIL_PREFIX}{system_id}/{name}"


def put_tail(vault: Vault, system_id: int, name: str, content: bytes, begin: int, *, sequence: int) -> int:
    """Put what came of a segment since ``begin``; return up to where it stands now. Raises ``StoreError``."""
    end = len(content.rstrip(b"\0"))
    if end <= begin:
        return begin
    put_item(
        vault,
        stream_of_tail(system_id, name),
        f"{begin:08x}-{end:08x}",
        content[begin:end],
        sequence=sequence,
        level=LEVELS["fast"],
    )
    return end


def list_tails(vault: Vault, system_id: int) -> frozenset[str]:
    """Return the names of the segments whose beginning came as a tail. Raises ``StoreError``, ``VaultDamaged``."""
    return frozenset(
        listed.stream.rpartition("/")[2] for listed in list_streams(vault, prefix=f"{TAIL_PREFIX}{system_id}/")
    )


def find_tail_end(vault: Vault, system_id: int, name: str) -> int:
    """Return how many bytes of an unfinished segment are there without a hole. Raises ``StoreError``, ``VaultDamaged``.

    Only records are read, so every role can ask.
    """
    end = 0
    for begin, until in sorted(_list_pieces(vault, system_id, name)):
        if begin > end:
            break
        end = max(end, until)
    return end


def _list_pieces(vault: Vault, system_id: int, name: str) -> dict[tuple[int, int], ObjectInfo]:
    """Return the pieces of a segment by their first byte and the one behind their last."""
    pieces: dict[tuple[int, int], ObjectInfo] = {}
    for listed in list_stream(vault, stream_of_tail(system_id, name)):
        for info in listed.items.values():
            found = _ITEM.fullmatch(read_record(vault, info).item)
            if found is not None:
                pieces[int(found[1], 16), int(found[2], 16)] = info
    return pieces


def read_tail(vault: Vault, system_id: int, name: str, segment_bytes: int) -> bytes | None:
    """Return an unfinished segment as far as it is there, filled up with zeros; ``None`` when nothing is.

    Raises ``VaultDamaged``, ``RoleTooSmall``, ``StoreError``.
    """
    pieces = _list_pieces(vault, system_id, name)
    content = bytearray()
    for (begin, end), info in sorted(pieces.items(), key=lambda each: (each[0][0], -each[0][1])):
        if begin <= len(content) < end:
            content += read_stored(vault, ObjectName(info.name))[len(content) - begin :]
    return bytes(content).ljust(segment_bytes, b"\0") if content else None
