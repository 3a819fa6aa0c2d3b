"""Makes the test vectors: ``python -m tests.format.make_vectors``, once for each version of the format.

Every input is fixed, so that a stranger can follow each step. What is random in the format (salts, wrapped keys,
segment keys) was drawn when the vectors were made and is only ever opened.
"""

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from rebond.identifiers import DomainId, MemberId, ObjectName, SessionId, SnapshotId, VaultId
from rebond.vault.credentials import CatalogKeys
from rebond.vault.endings import WithdrawalBody
from rebond.vault.frames import LEVELS, Codec, Compressor, build_frame, join_chunks
from rebond.vault.headers import ObjectKind
from rebond.vault.index import build_index_list
from rebond.vault.member_records import build_signed
from rebond.vault.packs import PackBuilder, PackedSegment, seal_table, table_binding
from rebond.vault.primitives import (
    derive,
    hash_of,
    key_tag,
    keyed_id,
    sealing_public_bytes,
    sealing_public_key,
    sign,
    signing_key,
    verify_key,
    wrap,
)
from rebond.vault.records import encode
from rebond.vault.references import build_references, encode_references, seal_references
from rebond.vault.segments import PRIVATE_PART_NUMBER, SegmentKind, seal_segment
from rebond.vault.sessions import JournalEntry
from rebond.vault.snapshots import (
    WITHDRAWN_SUFFIX,
    CatalogPart,
    ComponentSummary,
    PrivateComponent,
    PrivatePart,
    build_snapshot,
    build_void,
    snapshot_name,
)
from rebond.vault.stream_items import StreamRecord, build_stream_item
from rebond.vault.trees import (
    CHUNK_ROW,
    StoredEntry,
    encode_entry,
    store_chunk_rows,
    store_directory,
    with_directory,
)

HERE = Path(__file__).parent / "vectors"
ORIGIN = "made by tests/format/make_vectors.py from fixed inputs"
VAULT, DOMAIN = VaultId(bytes(range(16))), DomainId(b"domain-1")
SESSION, SNAPSHOT, MEMBER = SessionId(b"session no. 0001"), SnapshotId(b"snapshot no. 001"), MemberId(b"member-1")
SECRET, ROOT, SEED, SIGNING = (derive("vector", bytes([n])) for n in range(4))
CATALOG = derive("catalog", ROOT + DOMAIN)
DATA_KEY, TREE_KEY, TABLE_KEY = (derive(label, SECRET) for label in ("data id", "tree id", "chunk table"))
KEYS = {
    "vault_id": VAULT.hex(),
    "domain": DOMAIN.hex(),
    "domain_secret": SECRET.hex(),
    "catalog_root": ROOT.hex(),
    "catalog_key": CATALOG.hex(),
    "sealing_seed": SEED.hex(),
    "epoch": 1,
    "member": MEMBER.hex(),
    "signing_seed": SIGNING.hex(),
    "verify_key": verify_key(SIGNING).hex(),
    "session": SESSION.hex(),
    "snapshot": SNAPSHOT.hex(),
}
CHUNKS = [b"the first chunk", b"", b"the third chunk, " * 40]


def main() -> None:
    HERE.mkdir(exist_ok=True)
    for name, make in (
        ("primitives", make_primitives),
        ("frames", make_frames),
        ("objects", make_objects),
        ("trees", make_trees),
        ("streams", make_streams),
    ):
        text = json.dumps(make(), indent=1, ensure_ascii=True)
        (HERE / f"{name}.json").write_text(text + "\n", encoding="ascii")


def make_primitives() -> dict[str, Any]:
    key, seed = bytes(range(32)), bytes(range(32, 64))
    salt, info = b"\xaa" * 32, b"segment" + bytes(60)
    sealed = ChaCha20Poly1305(derive("sealed record", key + salt)).encrypt(bytes(12), b"content", b"slot" + b"clear")
    labels = ("data id", "tree id", "chunk table", "chunker", "catalog", "names", "runs", "key tag", "slot check")
    return {
        "origin": ORIGIN,
        "key": key.hex(),
        "hash": [{"x": x.hex(), "hash": hash_of(x).hex()} for x in (b"abc", bytes(5000))],
        "id": [{"x": x.hex(), "id": keyed_id(key, x).hex()} for x in (b"", b"chunk")],
        "kdf": {label: derive(label, key).hex() for label in labels},
        "seal": {
            "what": "slot",
            "clear": b"clear".hex(),
            "content": b"content".hex(),
            "sealed": (key_tag(key) + salt + sealed).hex(),
        },
        "sign": {
            "seed": key.hex(),
            "public": verify_key(key).hex(),
            "kind": "void",
            "x": b"signed".hex(),
            "signature": sign(signing_key(key), "void", b"signed").hex(),
        },
        "wrap": {
            "seed": seed.hex(),
            "public": sealing_public_bytes(seed).hex(),
            "info": info.hex(),
            "key": key.hex(),
            "wrapped": wrap(sealing_public_key(sealing_public_bytes(seed)), info, key).hex(),
        },
    }


def make_frames() -> dict[str, Any]:
    raw = join_chunks([keyed_id(DATA_KEY, chunk) for chunk in CHUNKS], CHUNKS)
    frames = {
        "zstd": build_frame(raw, Compressor(LEVELS["balanced"])),
        "lzma2": build_frame(raw, Compressor(LEVELS["dense"])),
        "none": build_frame(raw[:60], Compressor(LEVELS["fast"])),
    }
    if [frame[0] for frame in frames.values()] != [Codec.ZSTD, Codec.LZMA2, Codec.NONE]:
        raise AssertionError("the frames are not of the codecs that they are to show")
    return {
        "origin": ORIGIN,
        "data_id_key": DATA_KEY.hex(),
        "chunks": [{"id": keyed_id(DATA_KEY, chunk).hex(), "content": chunk.hex()} for chunk in CHUNKS],
        "raw": raw.hex(),
        "frames": {name: frame.hex() for name, frame in frames.items()},
        "none_raw": raw[:60].hex(),
    }


def make_objects() -> dict[str, Any]:
    signer, public = signing_key(SIGNING), sealing_public_key(sealing_public_bytes(SEED))
    ids = [keyed_id(DATA_KEY, chunk) for chunk in CHUNKS]
    frame = build_frame(join_chunks(ids, CHUNKS), Compressor(LEVELS["balanced"]))
    sealed = seal_segment(
        public, frame, kind=SegmentKind.DATA, epoch=1, vault_id=VAULT, domain=DOMAIN, session=SESSION, number=7
    )
    table = seal_table(TABLE_KEY, table_binding(VAULT, DOMAIN, SESSION, 7), b"".join(ids))
    size = sum(map(len, CHUNKS))
    builder = PackBuilder(VAULT, DOMAIN)
    builder.add(PackedSegment(SESSION, 7, 1, sealed.stored, hash_of(sealed.stored), size, table, len(ids)))
    pack = builder.fill(CATALOG)
    index = build_index_list(
        [(pack.pack_hash, len(pack.content), pack.rows, pack.tables)],
        vault_id=VAULT,
        domain=DOMAIN,
        catalog_key=CATALOG,
        member=MEMBER,
        signing_key=signer,
        replaces=["index/" + DOMAIN.hex() + "/" + "11" * 32],
    )
    references = encode_references(build_references({SESSION: {7: 255, 9: 10}, SessionId(b"another session."): {0: 1}}))
    private = PrivatePart(
        components=[PrivateComponent(name="files", domain=DOMAIN, root=b"/srv/\xff", tree=bytes(32))], note="private"
    )
    segment = seal_segment(
        public,
        build_frame(encode(private), Compressor(LEVELS["balanced"])),
        kind=SegmentKind.PRIVATE_PART,
        epoch=1,
        vault_id=VAULT,
        domain=DOMAIN,
        session=SESSION,
        number=PRIVATE_PART_NUMBER,
    )
    catalog = CatalogPart(
        sequence=3,
        time_ms=1_700_000_000_000,
        host="host",
        stack="stack",
        class_="daily",
        tags=["a", "b"],
        components=[ComponentSummary(name="files", kind="files", domain=DOMAIN, files=3, bytes=size)],
        references=references,
        roster=2,
        epoch=1,
    )
    snapshot = build_snapshot(
        vault_id=VAULT,
        domain=DOMAIN,
        snapshot=SNAPSHOT,
        session=SESSION,
        member=MEMBER,
        catalog_key=CATALOG,
        catalog=catalog,
        private_segment=segment.stored,
        signing_key=signer,
    )
    name = snapshot_name(MEMBER, SNAPSHOT, SESSION)
    withdrawal_name = ObjectName(name + WITHDRAWN_SUFFIX)
    withdrawal = WithdrawalBody(time_ms=1_700_000_000_000, reason="a clean-up")
    journal_name = ObjectName(f"sessions/{MEMBER.hex()}/{SNAPSHOT.hex()}.{SESSION.hex()}/000001")
    journal = JournalEntry(step="marks", time_ms=1_700_000_000_000, marks=["trash/" + "22" * 16])
    return {
        "origin": ORIGIN,
        "keys": KEYS,
        "chunks": [chunk.hex() for chunk in CHUNKS],
        "pack": {"name": pack.name, "bytes": pack.content.hex(), "rows": [list(_plain(row)) for row in pack.rows]},
        "index": {"bytes": index.hex(), "packs": [[pack.pack_hash.hex(), len(pack.content)]]},
        "references": {
            "body": references.hex(),
            "bytes": seal_references(VAULT, DOMAIN, CATALOG, references).hex(),
            "need": [[b"another session.".hex(), [0]], [SESSION.hex(), [7, 9]]],
            "fill": [1, 255, 10],
        },
        "snapshot": {"name": name, "bytes": snapshot.hex(), "stack": "stack", "note": "private", "sequence": 3},
        "void": {
            "name": name,
            "bytes": build_void(vault_id=VAULT, run=bytes(16), keeper=MEMBER, name=name, signing_key=signer).hex(),
        },
        "withdrawal": {
            "name": withdrawal_name,
            "bytes": build_signed(ObjectKind.WITHDRAWAL, withdrawal_name, VAULT, MEMBER, signer, withdrawal).hex(),
            "reason": withdrawal.reason,
        },
        "journal": {
            "name": journal_name,
            "bytes": build_signed(ObjectKind.SESSION, journal_name, VAULT, MEMBER, signer, journal).hex(),
            "marks": journal.marks,
        },
    }


def _plain(row: Any) -> tuple[Any, ...]:
    values = [getattr(row, name) for name in row.__struct_fields__[:10]]
    return tuple(v.hex() if isinstance(v, bytes) else v for v in values)


def make_trees() -> dict[str, Any]:
    """A directory above the page limit and a list of two levels, with entries as small as they can be."""
    objects: dict[str, str] = {}

    def keep(content: bytes) -> bytes:
        object_id = keyed_id(TREE_KEY, content)
        objects[object_id.hex()] = base64.b64encode(zlib.compress(content, 9)).decode()
        return object_id

    names = [b"%04x" % number for number in range(2049)]
    entries = [encode_entry(StoredEntry(name=name, kind="f")) for name in names]
    pages = store_directory(names, entries, TREE_KEY, keep)
    rows = [CHUNK_ROW.pack(keyed_id(DATA_KEY, bytes([n & 3])), 1 + (n & 1)) for n in range(4200)]
    _, chunk_list = store_chunk_rows(rows, keep)
    if chunk_list is None:
        raise AssertionError("no list came of it")
    kinds = [
        encode_entry(
            StoredEntry(name=b"a", kind="f", mode=0o644, size=4, modified_ns=-1, holes=((1, 3),), chunks=rows[0])
        ),
        encode_entry(StoredEntry(name=b"b", kind="l", target=b"->")),
        with_directory(encode_entry(StoredEntry(name=b"c", kind="d", xattrs=((b"user.x", b"y"),))), pages),
    ]
    small = store_directory([b"a", b"b", b"c"], kinds, TREE_KEY, keep)
    return {
        "origin": ORIGIN,
        "tree_id_key": TREE_KEY.hex(),
        "data_id_key": DATA_KEY.hex(),
        "paged_directory": {"id": pages.hex(), "names": "%04x, 0 to 2048"},
        "list": {
            "id": chunk_list[0].hex(),
            "level": chunk_list[1],
            "rows": "chunk [n & 3], 1 + (n & 1) long, 0 to 4199",
        },
        "small_directory": {"id": small.hex(), "names": ["a", "b", "c"]},
        "objects (zlib, base64)": objects,
    }


def make_streams() -> dict[str, Any]:
    """One item of a stream, as a ledger has it. Its keys are those of ``objects.json``."""
    content = b"what happened, " * 20
    record = StreamRecord(
        stream="ledger/host",
        item="0-7",
        sequence=7,
        time_ms=1_700_000_000_000,
        raw_length=len(content),
        content_id=keyed_id(DATA_KEY, content),
        for_ever=True,
    )
    segment = seal_segment(
        sealing_public_key(sealing_public_bytes(SEED)),
        build_frame(content, Compressor(LEVELS["fast"])),
        kind=SegmentKind.STREAM_ITEM,
        epoch=1,
        vault_id=VAULT,
        domain=DOMAIN,
        session=SESSION,
        number=0,
    )
    name, built = build_stream_item(
        record,
        segment.stored,
        vault_id=VAULT,
        keys=CatalogKeys(DOMAIN, (CATALOG,)),
        member=MEMBER,
        signing_key=signing_key(SIGNING),
    )
    return {
        "origin": ORIGIN,
        "keys": KEYS,
        "name_key": derive("names", CATALOG).hex(),
        "name": name,
        "bytes": built.hex(),
        "record": {**msgspec.to_builtins(record), "content_id": record.content_id.hex()},
        "content": content.hex(),
    }


if __name__ == "__main__":
    main()
