"""The published vectors, checked against the code and against the rescue program."""

import base64
import hashlib
import importlib.util
import json
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from tests.format.isolated import RESCUE

from rebond.errors import ForeignObject, VaultDamaged, WrongKey
from rebond.identifiers import DomainId, ObjectName, VaultId
from rebond.vault.credentials import CatalogKeys
from rebond.vault.endings import parse_withdrawal
from rebond.vault.frames import open_frame, split_chunks
from rebond.vault.headers import ObjectKind
from rebond.vault.index import parse_index_list, verify_index_list
from rebond.vault.member_records import parse_signed
from rebond.vault.packs import open_table, pack_name, read_tail, scan_segments, table_binding
from rebond.vault.primitives import (
    derive,
    hash_of,
    key_tag,
    keyed_id,
    open_seal,
    sealing_private_key,
    sealing_public_bytes,
    unwrap,
    verify_key,
    verify_signature,
)
from rebond.vault.references import decode_references, open_references
from rebond.vault.segments import PRIVATE_PART_NUMBER, SegmentKind, decode_segment_header, open_segment
from rebond.vault.sessions import JournalEntry
from rebond.vault.snapshots import (
    SnapshotRecord,
    find_ended_name,
    open_private_part,
    parse_snapshot,
    parse_snapshot_name,
    parse_void,
)
from rebond.vault.stream_items import open_content, open_record, parse_stream_item
from rebond.vault.trees import StoredEntry as Entry
from rebond.vault.trees import read_chunk_rows, read_directory

VECTORS = Path(__file__).parent / "vectors"


def load(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="ascii"))


def load_rescue() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rescue_program", RESCUE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


P, F, R, T = load("primitives"), load("frames"), load("objects"), load("trees")
S = load("streams")
K = R["keys"]
VAULT, DOMAIN, CATALOG = (
    VaultId(bytes.fromhex(K["vault_id"])),
    DomainId(bytes.fromhex(K["domain"])),
    bytes.fromhex(K["catalog_key"]),
)
OBJECTS = {
    bytes.fromhex(object_id): zlib.decompress(base64.b64decode(content))
    for object_id, content in T["objects (zlib, base64)"].items()
}
rescue = load_rescue()


def of(text: str) -> bytes:
    return bytes.fromhex(text)


def test_every_file_of_vectors_names_its_origin() -> None:
    for path in VECTORS.glob("*.json"):
        content = json.loads(path.read_text(encoding="ascii"))
        assert "origin" in content or all("origin" in part for part in content.values()), path


def test_blake3_in_its_three_modes_as_its_authors_publish_it() -> None:
    vector = load("published")["blake3"]

    assert hash_of(b"").hex() == vector["hash"]
    assert keyed_id(of(vector["key"]), b"").hex() == vector["keyed_hash"]
    assert blake3(b"", derive_key_context=vector["context"]).hexdigest() == vector["derive_key"]


def test_the_kem_of_the_page_is_x_wing() -> None:
    vector = load("published")["x_wing"]
    expanded = hashlib.shake_256(of(vector["seed"])).digest(96)
    first = mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    second = x25519.X25519PrivateKey.from_private_bytes(expanded[64:])
    sent = of(vector["encapsulated"])
    shared = first.decapsulate(sent[:1088]) + second.exchange(x25519.X25519PublicKey.from_public_bytes(sent[1088:]))
    shared += sent[1088:] + second.public_key().public_bytes_raw() + bytes.fromhex("5c2e2f2f5e5c")

    assert hashlib.sha3_256(shared).hexdigest() == vector["shared_secret"]
    assert sealing_public_bytes(of(vector["seed"])).hex().startswith(vector["public_key_starts"])


def test_hashes_ids_and_derived_keys() -> None:
    key = of(P["key"])

    assert [hash_of(of(v["x"])).hex() for v in P["hash"]] == [v["hash"] for v in P["hash"]]
    assert [keyed_id(key, of(v["x"])).hex() for v in P["id"]] == [v["id"] for v in P["id"]]
    assert {label: derive(label, key).hex() for label in P["kdf"]} == P["kdf"]
    assert {label: rescue.kdf(label, key).hex() for label in P["kdf"]} == P["kdf"]
    assert key_tag(key).hex() == P["kdf"]["key tag"][:8]


def test_a_seal_opens_with_its_key_its_word_and_its_clear_bytes_alone() -> None:
    key, v = of(P["key"]), P["seal"]

    assert open_seal([bytes(32), key], v["what"], of(v["sealed"]), of(v["clear"])).hex() == v["content"]
    assert rescue.open_seal([bytes(32), key], v["what"], of(v["sealed"]), of(v["clear"])).hex() == v["content"]
    with pytest.raises(VaultDamaged):
        open_seal([key], "keyring", of(v["sealed"]), of(v["clear"]))
    with pytest.raises(VaultDamaged):
        open_seal([key], v["what"], of(v["sealed"]), b"other")
    with pytest.raises(WrongKey):
        open_seal([bytes(32)], v["what"], of(v["sealed"]), of(v["clear"]))


def test_a_wrap_opens_by_the_library_and_by_the_formula_of_the_page() -> None:
    v = P["wrap"]

    assert sealing_public_bytes(of(v["seed"])).hex() == v["public"]
    assert unwrap(sealing_private_key(of(v["seed"])), of(v["info"]), of(v["wrapped"])).hex() == v["key"]
    assert rescue.unwrap(of(v["seed"]), of(v["info"]), of(v["wrapped"])).hex() == v["key"]
    with pytest.raises(WrongKey):
        unwrap(sealing_private_key(of(v["seed"])), b"other", of(v["wrapped"]))
    with pytest.raises(rescue.Damaged):
        rescue.unwrap(of(v["seed"]), b"other", of(v["wrapped"]))


def test_a_signature_is_of_its_kind_alone() -> None:
    v = P["sign"]

    assert verify_key(of(v["seed"])).hex() == v["public"]
    verify_signature(of(v["public"]), v["kind"], of(v["x"]), of(v["signature"]))
    assert rescue.is_signed(of(v["public"]), v["kind"], of(v["x"]), of(v["signature"]))
    with pytest.raises(ForeignObject):
        verify_signature(of(v["public"]), "mark", of(v["x"]), of(v["signature"]))


@pytest.mark.parametrize("codec", ["zstd", "lzma2"])
def test_a_frame_of_each_codec_gives_its_chunks(codec: str) -> None:
    raw = open_frame(of(F["frames"][codec]))
    table = split_chunks(raw)

    assert raw.hex() == rescue.open_frame(of(F["frames"][codec])).hex() == F["raw"]
    assert [chunk_id.hex() for chunk_id in table.ids] == [chunk["id"] for chunk in F["chunks"]]
    assert [table.content(n).hex() for n in range(len(table.ids))] == [chunk["content"] for chunk in F["chunks"]]
    assert {k.hex(): v.hex() for k, v in rescue.split_chunks(raw, of(F["data_id_key"])).items()} == {
        chunk["id"]: chunk["content"] for chunk in F["chunks"]
    }


def test_a_frame_that_was_not_compressed_is_its_content() -> None:
    frame = of(F["frames"]["none"])

    assert open_frame(frame).hex() == rescue.open_frame(frame).hex() == F["none_raw"]


def test_a_pack_gives_its_rows_its_segment_and_its_table() -> None:
    pack = of(R["pack"]["bytes"])
    (row,) = read_tail(pack, pack[:48], (CATALOG,))
    stored = pack[row.offset : row.offset + row.stored_length]
    raw = open_frame(open_segment(stored, sealing_private_key(of(K["sealing_seed"]))))
    chunks = split_chunks(raw)
    secret = of(K["domain_secret"])
    table = pack[row.table_offset : row.table_offset + row.table_length]
    ids = open_table(derive("chunk table", secret), table, table_binding(VAULT, DOMAIN, row.session, 7), 3)

    assert pack_name(hash_of(pack)) == R["pack"]["name"]
    assert derive("catalog", of(K["catalog_root"]) + DOMAIN) == CATALOG
    assert scan_segments(pack, VAULT) == [(row.offset, row.stored_length)]
    assert hash_of(stored) == row.stored_hash
    assert row.session.hex() == K["session"]
    assert [chunks.content(n).hex() for n in range(3)] == R["chunks"]
    assert row.raw_length == sum(len(of(chunk)) for chunk in R["chunks"])
    assert ids == b"".join(chunks.ids) == b"".join(keyed_id(derive("data id", secret), of(c)) for c in R["chunks"])
    assert [v.hex() if isinstance(v, bytes) else v for v in tuple_of(row)] == R["pack"]["rows"][0]


def test_a_stream_item_gives_its_record_to_the_catalog_key_and_its_content_to_the_owner() -> None:
    name, content = ObjectName(S["name"]), of(S["bytes"])
    raw = parse_stream_item(content, name, VAULT)
    record = open_record(raw.sealed_record, raw.clear, name, CatalogKeys(DOMAIN, (CATALOG,)))
    data_id_key = derive("data id", of(K["domain_secret"]))

    verify_signature(of(K["verify_key"]), "stream item", raw.signed, raw.signature)
    assert derive("names", CATALOG).hex() == S["name_key"]
    hidden = [keyed_id(of(S["name_key"]), text.encode())[:16].hex() for text in (record.stream, record.item)]
    assert f"streams/{DOMAIN.hex()}/{hidden[0]}/{hidden[1]}" == name
    assert {**msgspec.to_builtins(record), "content_id": record.content_id.hex()} == S["record"]
    assert open_content(raw, record, sealing_private_key(of(K["sealing_seed"])), data_id_key).hex() == S["content"]
    # By the page alone: header, length, SEAL, segment, member, signature, sum.
    length = int.from_bytes(content[48:52], "little")
    assert open_seal([CATALOG], "stream", content[52 : 52 + length], content[:52])[:1] == bytes([0x87])
    stored = content[52 + length : -32 - 64 - 8]
    assert rescue.open_frame(open_segment(stored, sealing_private_key(of(K["sealing_seed"])))).hex() == S["content"]
    assert content[-32:] == hash_of(content[:-32])


def tuple_of(row: Any) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in row.__struct_fields__[:10])


def test_the_rescue_program_finds_and_opens_the_segment_of_a_pack(tmp_path: Path) -> None:
    (tmp_path / "pack").write_bytes(of(R["pack"]["bytes"]))
    ((offset, header),) = rescue.scan_pack(str(tmp_path / "pack"))
    vault = rescue.Vault.__new__(rescue.Vault)
    vault.id, vault.epochs = VAULT, {1: of(K["sealing_seed"])}
    _, raw = rescue.open_segment(vault, of(R["pack"]["bytes"])[offset : offset + header.size])

    chunks = rescue.split_chunks(raw, derive("data id", of(K["domain_secret"])))
    assert [bytes(chunk).hex() for chunk in chunks.values()] == R["chunks"]


def test_an_index_list_names_its_packs_its_maker_and_what_it_replaces() -> None:
    content = of(R["index"]["bytes"])
    index, signed, signature = parse_index_list(ObjectName("index"), content, VAULT, (CATALOG,))

    verify_index_list(of(K["verify_key"]), signed, signature)
    assert index.member.hex() == K["member"]
    assert [[pack.pack_hash.hex(), pack.size] for pack in index.catalog.packs] == R["index"]["packs"]
    (row,) = index.catalog.packs[0].rows
    assert row.member.hex() == K["member"]
    ids = open_table(
        derive("chunk table", of(K["domain_secret"])), index.table(row), table_binding(VAULT, DOMAIN, row.session, 7), 3
    )
    assert len(ids) == 96
    assert index.catalog.replaces == ["index/" + K["domain"] + "/" + "11" * 32]


def test_references_name_their_segments_embedded_or_not() -> None:
    embedded = decode_references(of(R["references"]["body"]))
    opened = open_references(of(R["references"]["bytes"]), VAULT, (CATALOG,))

    assert embedded == opened
    assert [(s.hex(), n) for s, n in opened] == [(s, n) for s, numbers in R["references"]["need"] for n in numbers]
    assert list(opened.fill) == R["references"]["fill"]


def test_a_snapshot_shows_each_half_to_its_key() -> None:
    name = parse_snapshot_name(R["snapshot"]["name"])
    assert name is not None
    raw = parse_snapshot(of(R["snapshot"]["bytes"]), name, VAULT)
    raw.verify(of(K["verify_key"]))
    catalog = raw.open_catalog((CATALOG,))
    header = decode_segment_header(raw.private_segment)
    record = SnapshotRecord(
        name=name.name,
        snapshot=raw.snapshot,
        session=raw.session,
        member=raw.member,
        domain=raw.header.domain,
        catalog=catalog,
        private_segment=raw.private_segment,
        content_hash=b"",
    )
    private = open_private_part(record, sealing_private_key(of(K["sealing_seed"])))

    assert (header.kind, header.number) == (SegmentKind.PRIVATE_PART, PRIVATE_PART_NUMBER)
    assert (catalog.stack, catalog.sequence, private.note) == (
        R["snapshot"]["stack"],
        R["snapshot"]["sequence"],
        R["snapshot"]["note"],
    )
    assert private.components[0].root == b"/srv/\xff"


def test_a_void_ends_its_own_session_only() -> None:
    name = ObjectName(R["void"]["name"])
    void, signed, signature = parse_void(of(R["void"]["bytes"]), name, VAULT)
    _, other, _ = parse_void(of(R["void"]["bytes"]), ObjectName(name[:-1] + "0"), VAULT)

    verify_signature(of(K["verify_key"]), "void", signed, signature)
    assert void.keeper.hex() == K["member"]
    with pytest.raises(ForeignObject):
        verify_signature(of(K["verify_key"]), "void", other, signature)


def test_a_withdrawal_is_of_its_own_record_only() -> None:
    name = ObjectName(R["withdrawal"]["name"])
    record = parse_withdrawal(of(R["withdrawal"]["bytes"]), name, VAULT)
    moved = parse_withdrawal(of(R["withdrawal"]["bytes"]), ObjectName(f"{name}.{'0' * 32}"), VAULT)

    verify_signature(of(K["verify_key"]), "withdrawal", record.signed, record.signature)
    assert record.body.reason == R["withdrawal"]["reason"]
    assert find_ended_name(name) == R["snapshot"]["name"]
    with pytest.raises(ForeignObject):
        verify_signature(of(K["verify_key"]), "withdrawal", moved.signed, moved.signature)


def test_a_journal_record_declares_its_marks() -> None:
    name = ObjectName(R["journal"]["name"])
    record = parse_signed(ObjectKind.SESSION, name, VAULT, of(R["journal"]["bytes"]), JournalEntry)

    verify_signature(of(K["verify_key"]), "session", record.signed, record.signature)
    assert (record.body.step, record.body.marks) == ("marks", R["journal"]["marks"])


def test_a_paged_directory_gives_its_entries_in_order() -> None:
    names = [b"%04x" % number for number in range(2049)]
    directory = of(T["paged_directory"]["id"])

    assert [entry.name for entry in read_directory(directory, OBJECTS.__getitem__)] == names
    assert [entry["n"] for entry in rescue.read_entries(OBJECTS.__getitem__, directory)] == names


def test_a_list_of_two_levels_gives_its_rows_in_order() -> None:
    key = of(T["data_id_key"])
    rows = [(keyed_id(key, bytes([n & 3])), 1 + (n & 1)) for n in range(4200)]
    size = sum(length for _, length in rows)
    entry = Entry(name=b"f", kind="f", size=size, chunk_list=(of(T["list"]["id"]), T["list"]["level"]))
    told = {"s": size, "L": [of(T["list"]["id"]), T["list"]["level"]]}

    assert T["list"]["level"] == 2
    assert list(read_chunk_rows(entry, OBJECTS.__getitem__)) == rows
    placed = rescue.place_chunks(OBJECTS.__getitem__, told)
    assert [(chunk_id, size) for chunk_id, _, size, _ in placed] == rows


def test_a_directory_tells_what_its_entries_are() -> None:
    a, b, c = read_directory(of(T["small_directory"]["id"]), OBJECTS.__getitem__)
    told = list(rescue.read_entries(OBJECTS.__getitem__, of(T["small_directory"]["id"])))

    assert (a.mode, a.size, a.modified_ns, a.holes, a.chunks[32:]) == (0o644, 4, -1, ((1, 3),), b"\1\0\0\0")
    assert (b.kind, b.target) == ("l", b"->")
    assert (c.kind, c.xattrs, c.directory.hex()) == ("d", ((b"user.x", b"y"),), T["paged_directory"]["id"])
    assert told[0] == {"n": b"a", "t": "f", "m": 0o644, "s": 4, "M": -1, "o": [[1, 3]], "c": a.chunks}
    assert told[1] == {"n": b"b", "t": "l", "S": b"->"}
    assert told[2] == {"n": b"c", "t": "d", "x": [[b"user.x", b"y"]], "d": c.directory}
    assert OBJECTS[of(T["small_directory"]["id"])].startswith(b"\x81\xa1e\x93\xde\x00\x07")


def test_every_tree_object_has_its_own_id() -> None:
    for object_id, content in OBJECTS.items():
        assert keyed_id(of(T["tree_id_key"]), content) == object_id


def test_the_vectors_printed_on_the_page_are_true() -> None:
    page = (RESCUE.parents[4] / "docs" / "vault-format.md").read_text(encoding="utf-8")
    key = bytes(range(32))
    sealed = next(line for line in page.splitlines() if "with salt 32 × aa" in line).split("`")[3]

    assert keyed_id(key, b"chunk").hex() in page
    assert derive("data id", key).hex() in page
    assert f"`{key_tag(key).hex()}`" in page
    assert open_seal([key], "slot", of(sealed), b"clear") == b"x"
    assert hash_of(sealing_public_bytes(key)).hex() in page
