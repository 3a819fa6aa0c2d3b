"""Every object shown in the place of every other: always an error of ours, never another meaning."""

from collections.abc import Callable

import pytest
from tests.unit.vault.spoilt import (
    CATALOG,
    DIRECTORY,
    FRAMES,
    INDEX,
    JOURNAL,
    JOURNAL_NAME,
    PACK,
    PRIVATE,
    RAW,
    REFERENCES,
    REFERENCES_BODY,
    SNAPSHOT,
    STREAM_ITEM,
    STREAM_ITEM_NAME,
    VAULT,
    VOID,
    snapshot_name_of_vector,
)

from rebond.errors import RebondError
from rebond.identifiers import ObjectName
from rebond.vault.frames import open_frame, split_chunks
from rebond.vault.headers import HEADER_SIZE, ObjectKind
from rebond.vault.index import parse_index_list
from rebond.vault.keyring import parse_keyring
from rebond.vault.marks import MarkBody
from rebond.vault.member_records import parse_signed
from rebond.vault.packs import read_tail, scan_segments
from rebond.vault.references import decode_references, open_references
from rebond.vault.roster import parse_roster
from rebond.vault.segments import open_segment
from rebond.vault.sessions import JournalEntry
from rebond.vault.slots import parse_slot
from rebond.vault.snapshots import parse_snapshot, parse_void
from rebond.vault.stream_items import parse_stream_item
from rebond.vault.trees import read_directory

SEGMENT = PACK[HEADER_SIZE : HEADER_SIZE + scan_segments(PACK, VAULT)[0][1]]
NAME = snapshot_name_of_vector()
OBJECTS = {
    "pack": PACK,
    "tail": PACK,
    "segment": SEGMENT,
    "frame": FRAMES["zstd"],
    "chunks": RAW,
    "index": INDEX,
    "references": REFERENCES,
    "body": REFERENCES_BODY,
    "snapshot": SNAPSHOT,
    "void": VOID,
    "journal": JOURNAL,
    "directory": DIRECTORY,
    "stream item": STREAM_ITEM,
    "nothing": b"",
    "zeros": bytes(5000),
    "ones": b"\xff" * 5000,
}
DECODERS: dict[str, Callable[[bytes], object]] = {
    "pack": lambda content: scan_segments(content, VAULT),
    "tail": lambda content: read_tail(content, content[:HEADER_SIZE], (CATALOG,)),
    "segment": lambda content: open_segment(content, PRIVATE),
    "frame": open_frame,
    "chunks": split_chunks,
    "index": lambda content: parse_index_list(ObjectName("x"), content, VAULT, (CATALOG,)),
    "references": lambda content: open_references(content, VAULT, (CATALOG,)),
    "body": decode_references,
    "snapshot": lambda content: parse_snapshot(content, NAME, VAULT),
    "void": lambda content: parse_void(content, NAME.name, VAULT),
    "journal": lambda content: parse_signed(ObjectKind.SESSION, ObjectName(JOURNAL_NAME), VAULT, content, JournalEntry),
    "mark": lambda content: parse_signed(ObjectKind.MARK, ObjectName("trash/x"), VAULT, content, MarkBody),
    "stream item": lambda content: parse_stream_item(content, STREAM_ITEM_NAME, VAULT),
    "directory": lambda content: list(read_directory(b"", lambda _: content)),
    "slot": lambda content: parse_slot(content, VAULT),
    "keyring": lambda content: parse_keyring(content, 1, VAULT, bytes(32)),
    "roster": lambda content: parse_roster(content, 1, bytes(32)),
}
# Two names of one object; and zeros are an empty frame (a frame is sealed: nobody else can show one).
MEANT = {("pack", "tail"), ("tail", "pack"), ("frame", "zeros")}


@pytest.mark.parametrize("decoder", DECODERS)
def test_no_object_passes_for_another(decoder: str) -> None:
    for kind, content in OBJECTS.items():
        if kind == decoder or (decoder, kind) in MEANT:
            DECODERS[decoder](content)
        else:
            with pytest.raises(RebondError):
                DECODERS[decoder](content)
