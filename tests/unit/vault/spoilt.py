"""Valid objects of every kind, from the published vectors, and ways to spoil them."""

import base64
import json
import random
import zlib
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from rebond.identifiers import DomainId, MemberId, ObjectName, SessionId, VaultId
from rebond.vault.primitives import derive, sealing_private_key, sealing_public_bytes, sealing_public_key, signing_key
from rebond.vault.snapshots import SnapshotName, parse_snapshot_name

VECTORS = Path(__file__).parents[2] / "format" / "vectors"


def load_vectors(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="ascii"))


_FRAMES, _OBJECTS, _TREES = (load_vectors(name) for name in ("frames", "objects", "trees"))
_KEYS = _OBJECTS["keys"]
VAULT, DOMAIN = VaultId(bytes.fromhex(_KEYS["vault_id"])), DomainId(bytes.fromhex(_KEYS["domain"]))
MEMBER, SESSION = MemberId(bytes.fromhex(_KEYS["member"])), SessionId(bytes.fromhex(_KEYS["session"]))
CATALOG = bytes.fromhex(_KEYS["catalog_key"])
SECRET = bytes.fromhex(_KEYS["domain_secret"])
TABLE_KEY, DATA_KEY, TREE_KEY = (derive(label, SECRET) for label in ("chunk table", "data id", "tree id"))
SEED, SIGNING_SEED = bytes.fromhex(_KEYS["sealing_seed"]), bytes.fromhex(_KEYS["signing_seed"])
PRIVATE, PUBLIC = sealing_private_key(SEED), sealing_public_key(sealing_public_bytes(SEED))
SIGNER = signing_key(SIGNING_SEED)

PACK = bytes.fromhex(_OBJECTS["pack"]["bytes"])
INDEX = bytes.fromhex(_OBJECTS["index"]["bytes"])
REFERENCES = bytes.fromhex(_OBJECTS["references"]["bytes"])
REFERENCES_BODY = bytes.fromhex(_OBJECTS["references"]["body"])
SNAPSHOT = bytes.fromhex(_OBJECTS["snapshot"]["bytes"])
VOID = bytes.fromhex(_OBJECTS["void"]["bytes"])
JOURNAL = bytes.fromhex(_OBJECTS["journal"]["bytes"])
JOURNAL_NAME = _OBJECTS["journal"]["name"]
_STREAMS = load_vectors("streams")
STREAM_ITEM, STREAM_ITEM_NAME = bytes.fromhex(_STREAMS["bytes"]), ObjectName(_STREAMS["name"])
FRAMES = {name: bytes.fromhex(frame) for name, frame in _FRAMES["frames"].items()}
RAW = bytes.fromhex(_FRAMES["raw"])
TREE_OBJECTS = {
    bytes.fromhex(object_id): zlib.decompress(base64.b64decode(content))
    for object_id, content in _TREES["objects (zlib, base64)"].items()
}
DIRECTORY = TREE_OBJECTS[bytes.fromhex(_TREES["small_directory"]["id"])]
PAGES = TREE_OBJECTS[bytes.fromhex(_TREES["paged_directory"]["id"])]


def snapshot_name_of_vector() -> SnapshotName:
    name = parse_snapshot_name(_OBJECTS["snapshot"]["name"])
    assert name is not None
    return name


def spoil(content: bytes, seed: int) -> bytes:
    """Flip, set, cut, insert, repeat or drop a few bytes."""
    choose, spoilt = random.Random(seed), bytearray(content)
    for _ in range(choose.randint(1, 4)):
        at = choose.randrange(len(spoilt) + 1)
        deed = choose.randrange(6)
        if deed == 0 and at < len(spoilt):
            spoilt[at] ^= 1 << choose.randrange(8)
        elif deed == 1 and at < len(spoilt):
            spoilt[at] = choose.choice((0, 0xFF, 0x7F, 0x80, 0xC1, 0xCF, 0xD3, 0xDD, 0xDF, choose.randrange(256)))
        elif deed == 2:
            del spoilt[at:]
        elif deed == 3:
            spoilt[at:at] = choose.randbytes(choose.randint(1, 9))
        elif deed == 4:
            start = choose.randrange(len(spoilt) + 1)
            spoilt[at:at] = spoilt[start : start + choose.randint(1, 40)]
        else:
            del spoilt[at : at + choose.randint(1, 20)]
    return bytes(spoilt)


seeds = st.integers(0, 2**32 - 1)


def tries(count: int) -> settings:
    """Try so many examples, however slow the machine is."""
    return settings(max_examples=count, deadline=None, suppress_health_check=[HealthCheck.too_slow])
