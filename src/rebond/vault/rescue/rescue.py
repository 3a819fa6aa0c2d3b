#!/usr/bin/env python3
# ruff: noqa: B905, D101, D103, E401, EM102, I001, S602, T201, TID251, UP014, UP035 (it stands alone)
# fmt: off
"""Restore a snapshot of a Rebond vault without Rebond.

    python3 rescue.py VAULT                       list the snapshots
    python3 rescue.py VAULT SNAPSHOT TARGET       restore one; SNAPSHOT is an id, its beginning, or latest
    python3 rescue.py VAULT latest TARGET STACK   restore the newest whole set of that stack, where there are several

VAULT is a directory (copy a bucket with any tool first), TARGET a directory that is empty or not there yet.
The passphrase or recovery key comes from REBOND_PASSPHRASE, REBOND_PASSPHRASE_FILE or REBOND_PASSPHRASE_COMMAND,
an owner's key file from REBOND_KEY_FILE; otherwise it is asked for. It needs Linux, Python 3.9 or newer and the
packages cryptography, zstandard and blake3: `pip install` them, or take the wheels (*.whl) that may lie beside it:
    for wheel in VAULT/rescue/*.whl; do python3 -m zipfile -e "$wheel" libs; done
    PYTHONPATH=libs python3 VAULT/rescue/rescue-VERSION.py VAULT latest TARGET
Each component lands in TARGET/NAME with modes, times, links, holes, extended attributes, FIFOs and (as root) owners
and devices; not inode flags, not birth times. Exit status: 0 good; 1 a package is missing; 2 wrong call; 3 some
metadata not set; 4 damage (named, the rest is restored); 10 no vault; 12 wrong secret; 14 too new; 41 not empty.
"""
from __future__ import annotations
import getpass, hashlib, hmac, json, lzma, mmap, os, re, stat, struct, subprocess, sys, time, unicodedata
from functools import lru_cache, partial
from typing import Any, BinaryIO, Callable, Iterator, NamedTuple, TypeVar
try:
    import zstandard
    from blake3 import blake3
    from cryptography.exceptions import InvalidSignature, InvalidTag
    from cryptography.hazmat.primitives.asymmetric import ed25519, mlkem, x25519
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
except ImportError as error:
    sys.exit(f"{__doc__}\nstopped: {error}")

REFERENCES, SNAPSHOT, ROSTER, SLOT, KEYRING = 3, 4, 13, 14, 15  # kinds of objects
DATA, TREE, PRIVATE = 1, 2, 9  # kinds of segments
HEADER, SEGMENT_HEADER, WRAP, DECODED = 48, 60, 1168, 8  # bytes; DECODED segments are kept at hand
FRAME_LIMIT, BODY_LIMIT, DEPTH_LIMIT = 64 << 20, 256 << 20, 8
ENDED = "Beware: what lies beside its record may end it."  # section 7.3; whether it does is not checked here
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

class Trouble(Exception):
    def __init__(self, message: str, status: int = 4) -> None:
        super().__init__(message)
        self.status = status
class Damaged(Trouble): ...

worst = [0]  # exit status so far
def say(message: str, status: int = 0) -> None:
    worst[0] = max(worst[0], status)
    print({0: "", 3: "not set: ", 4: "DAMAGED: "}[status] + message, file=sys.stderr)

def show(path: bytes) -> str:
    return path.decode(errors="backslashreplace")
def kdf(label: str, secret: bytes) -> bytes:
    return blake3(secret, derive_key_context="rebond v1 " + label).digest()

def open_aead(key: bytes, sealed: bytes, bound: bytes, nonce: bytes = bytes(12)) -> bytes:
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed, bound)
    except (InvalidTag, ValueError):
        raise Damaged("sealed bytes do not open: they were changed") from None
def open_seal(keys: list[bytes], what: str, sealed: bytes, clear: bytes) -> bytes:
    for key in keys:
        if kdf("key tag", key)[:4] == sealed[:4]:
            return open_aead(kdf("sealed record", key + sealed[4:36]), sealed[36:], what.encode() + clear)
    raise Damaged(f"no key opens a sealed {what}")
def sealing_keys(seed: bytes) -> tuple[mlkem.MLKEM768PrivateKey, x25519.X25519PrivateKey]:
    expanded = hashlib.shake_256(seed).digest(96)
    first = mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    return first, x25519.X25519PrivateKey.from_private_bytes(expanded[64:])

def unwrap(seed: bytes, info: bytes, wrapped: bytes) -> bytes:
    """Open a WRAP: HPKE with X-Wing, HKDF-SHA256 and ChaCha20-Poly1305, as section 1 writes it out."""
    first, second = sealing_keys(seed)
    try:
        sent = x25519.X25519PublicKey.from_public_bytes(wrapped[1088:1120])
        shared = first.decapsulate(wrapped[:1088]) + second.exchange(sent)
    except ValueError:
        raise Damaged("a wrapped key is malformed") from None
    shared += wrapped[1088:1120] + second.public_key().public_bytes_raw() + b"\x5c\x2e\x2f\x2f\x5e\x5c"
    suite = b"HPKE-v1HPKE" + bytes.fromhex("647a00010003")
    extract = partial(hmac.digest, bytes(32), digest="sha256")
    context = b"\0" + extract(suite + b"psk_id_hash") + extract(suite + b"info_hash" + info)
    secret = hmac.digest(hashlib.sha3_256(shared).digest(), suite + b"secret", "sha256")
    key = hmac.digest(secret, b"\0\x20" + suite + b"key" + context + b"\1", "sha256")
    nonce = hmac.digest(secret, b"\0\x0c" + suite + b"base_nonce" + context + b"\1", "sha256")[:12]
    return open_aead(key, wrapped[1120:], b"", nonce)

def is_signed(public: bytes, kind: str, content: bytes, signature: bytes) -> bool:
    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(public)
        return key.verify(signature, b"rebond v1 " + kind.encode() + blake3(content).digest()) is None
    except (InvalidSignature, ValueError):
        return False

SIZED = {0xC4: ("bin", 1), 0xC5: ("bin", 2), 0xC6: ("bin", 4), 0xD9: ("str", 1), 0xDA: ("str", 2), 0xDB: ("str", 4),
         0xDC: ("array", 2), 0xDD: ("array", 4), 0xDE: ("map", 2), 0xDF: ("map", 4)}

def unpack(content: bytes) -> Any:
    try:
        value, end = unpack_at(content, 0, 0)
    except (IndexError, UnicodeDecodeError, TypeError) as error:
        raise Damaged(f"a record is malformed: {error}") from None
    if end != len(content):
        raise Damaged("a record has bytes left over")
    return value

def unpack_at(content: bytes, at: int, depth: int) -> tuple[Any, int]:
    first, at = content[at], at + 1
    if first < 0x80 or first >= 0xE0:
        return first if first < 0x80 else first - 256, at
    if first in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[first], at
    if 0xCC <= first <= 0xD3:
        width = 1 << (first & 3)
        return int.from_bytes(content[at : at + width], "big", signed=first >= 0xD0), at + width
    if first < 0xC0:
        shape, size = ("array" if first >= 0x90 else "map", first & 15) if first < 0xA0 else ("str", first & 31)
    elif first in SIZED:
        shape, width = SIZED[first]
        size, at = int.from_bytes(content[at : at + width], "big"), at + width
    else:
        raise Damaged("a record has a value of an unknown type")
    if size > len(content) - at or depth > 32:
        raise Damaged("a record is cut short or nested too deeply")
    if shape in ("bin", "str"):
        return content[at : at + size] if shape == "bin" else content[at : at + size].decode(), at + size
    values: list[Any] = []
    while len(values) < (size if shape == "array" else 2 * size):
        value, at = unpack_at(content, at, depth + 1)
        values.append(value)
    if shape == "array":
        return values, at
    if len(record := dict(zip(values[::2], values[1::2]))) != size:
        raise Damaged("a record has the same key twice")
    return record, at

def get(record: Any, key: str, kind: type, default: Any = None) -> Any:
    value = record.get(key, default) if isinstance(record, dict) else None
    if not isinstance(value, kind):
        raise Damaged(f"a record has no valid {key}")
    return value
def read_object(vault: str, name: str, limit: int = 1 << 30) -> bytes:
    with open(os.path.join(vault, name), "rb") as file:
        if len(content := file.read(limit + 1)) > limit:
            raise Damaged(f"{name} is larger than it may be")
        return content
def list_names(vault: str, folder: str, pattern: str) -> list[str]:
    start = len(f"{vault}/{folder}/")
    found = (os.path.join(above, file)[start:] for above, _, files in os.walk(f"{vault}/{folder}") for file in files)
    return sorted(name for name in found if re.fullmatch(pattern, name))

def without_sum(content: bytes, name: str) -> bytes:
    if len(content) < HEADER + 96 or blake3(content[:-32]).digest() != content[-32:]:
        raise Damaged(f"{name} is damaged: its sum does not match")
    return content[:-32]
def check_header(content: bytes, kind: int, vault_id: bytes, name: str) -> bytes:
    if len(content) < HEADER or content[:4] != b"RBND":
        raise Damaged(f"{name} does not begin as an object of a vault")
    if content[4] != 1 or content[6:8] != b"\1\0":
        raise Trouble(f"{name} was made by a newer Rebond: get a newer rescue program", 14)
    if content[5] != kind or content[8:24] != vault_id:
        raise Damaged(f"{name} is another kind of object, or belongs to another vault")
    return content[24:32]
def split_head(body: bytes, kind: int, vault_id: bytes, name: str) -> tuple[bytes, Any, bytes]:
    check_header(body, kind, vault_id, name)
    end = HEADER + 4 + int.from_bytes(body[HEADER : HEADER + 4], "little")
    if end > len(body):
        raise Damaged(f"{name} is cut short")
    return body[:end], unpack(body[HEADER + 4 : end]), body[end:]

def read_newest(vault: str, folder: str, kind: int, vault_id: bytes, owner: bytes) -> tuple[bytes, Any, bytes]:
    """Return (head, record, rest) of the valid keyring or roster with the highest number."""
    def read(name: str) -> tuple[bytes, Any, bytes]:
        body = without_sum(read_object(vault, name, 8 << 20), name)
        if not is_signed(owner, folder, body[:-64], body[-64:]):
            raise Damaged(f"{name} is not signed by the vault's owner")
        found = split_head(body[:-64], kind, vault_id, name)
        if get(found[1], "number", int) != number:
            raise Damaged(f"{name} was renamed")
        return found
    names = list_names(vault, folder, "[1-9][0-9]{0,17}") + list_names(vault, "spare/" + folder, "[1-9][0-9]{0,17}")
    for number in sorted(set(map(int, names)), reverse=True):
        try:
            return read_either(read, f"{folder}/{number}")
        except (Damaged, OSError) as error:
            say(f"passed over: {error}")
    raise Damaged(f"there is no valid object below {folder}/")

T = TypeVar("T")
def read_either(read: Callable[[str], T], name: str) -> T:  # section 3.9: what is damaged or gone has a second copy
    try:
        return read(name)
    except (Damaged, OSError) as error:
        say(f"{error}; its copy spare/{name} is taken if it is whole")
        return read("spare/" + name)

class Vault:
    """An opened vault: its secrets and its roster."""

    def __init__(self, path: str) -> None:
        self.path = path
        if not any(os.path.isfile(os.path.join(path, name)) for name in ("vault.json", "spare/vault.json")):
            raise Trouble(f"there is no vault at {path}: vault.json is missing", 10)
        self.id, owner, digest = read_either(partial(read_description, path), "vault.json")
        say(f"fingerprint of the owner, compare it with the recovery kit: {hashlib.sha256(owner).hexdigest()}")
        self._open_keyring(owner, digest)
        roster = read_newest(path, "roster", ROSTER, self.id, owner)[1]
        if flags := get(get(roster, "flags", dict, {}), "read", list, []):
            raise Trouble(f"this vault needs a newer rescue program: it uses {flags}", 14)
        self.members = {get(member, "id", bytes): member for member in get(roster, "members", list)}
        self.domains = {get(domain, "id", bytes): domain for domain in get(roster, "domains", list)}

    def _open_keyring(self, owner: bytes, description: bytes) -> None:  # section 3.4
        head, record, sealed = read_newest(self.path, "keyring", KEYRING, self.id, owner)
        wraps = dict(get(record, "slots", list))
        slot, seed = self._open_slot(list(wraps), owner)
        key = unwrap(seed, b"keyring" + record["number"].to_bytes(8, "little"), wraps[slot])
        secrets = unpack(open_seal([key], "keyring", sealed, head))
        signer = ed25519.Ed25519PrivateKey.from_private_bytes(get(secrets, "owner", bytes))
        if signer.public_key().public_bytes_raw() != owner or get(secrets, "description", bytes) != description:
            raise Damaged("vault.json is not the one that the keyring was made for: it was swapped")
        inside = dict(get(secrets, "slots", list))
        own = b"".join(key.public_key().public_bytes_raw() for key in sealing_keys(seed))
        if inside.keys() != wraps.keys() or inside[slot] != own:
            raise Damaged("the keyring names other slots inside than outside")
        self.epochs, self.secrets = dict(get(secrets, "sealing", list)), dict(get(secrets, "domains", list))
        self.roots = get(secrets, "catalog", list)

    def _open_slot(self, slots: list[bytes], owner: bytes) -> tuple[bytes, bytes]:
        method, material = find_secret()
        trouble = Trouble("this secret opens nothing in the vault", 12)
        for slot in slots:
            name = f"keys/{slot.hex()}"
            try:
                head, record, rest = read_either(partial(self._read_slot, slot, owner), name)
                if get(record, "method", str) == method and len(rest) == 116:
                    key = derive_slot_key(method, material, record)
                    if hmac.compare_digest(kdf("slot check", key), rest[84:]):
                        return slot, open_seal([key], "slot", rest[:84], head)
            except (Damaged, OSError) as error:
                say(f"{name} cannot be used: {error}")
                trouble = Damaged("the secret may be right, but a slot is missing or damaged")
        raise trouble

    def _read_slot(self, slot: bytes, owner: bytes, name: str) -> tuple[bytes, Any, bytes]:
        body = without_sum(read_object(self.path, name, 16 << 10), name)
        head, record, rest = split_head(body, SLOT, self.id, name)
        if (get(record, "id", bytes), get(record, "owner", bytes)) != (slot, owner):
            raise Damaged(f"{name} is not the slot that it should be")
        return head, record, rest

    def catalog_keys(self, domain: bytes) -> list[bytes]:
        return [kdf("catalog", root + domain) for root in self.roots]

    def doubt_of(self, member: Any, domain: bytes, put_ms: float) -> str:  # section 3.5; empty: none
        may_write = get(member, "role", str) in ("owner", "writer") and domain in get(member, "domains", list, [])
        ends = [(member, "revoked_at_ms"), (self.domains.get(domain, {}), "closed_at_ms")]
        is_over = any(put_ms >= get(record, key, int, 1 << 62) for record, key in ends)
        return "" if may_write and not is_over else "Beware: its maker had no right to make it, or not any more."

def read_description(vault: str, name: str) -> tuple[bytes, bytes, bytes]:
    content = read_object(vault, name, 64 << 10)
    try:
        fields = json.loads(content)
        version, vault_id = fields["format"], bytes.fromhex(fields["vault_id"])
        owner = bytes.fromhex(fields["owner_verify_key"])
    except (ValueError, KeyError, TypeError):
        raise Damaged("vault.json is damaged") from None
    if version != 1:
        raise Trouble("this vault was made by a newer Rebond: get a newer rescue program", 14)
    end = re.fullmatch(rb',\n  "signature": "([0-9a-f]{128})"\n}\n', content[-150:])
    if not end or not is_signed(owner, "vault", content[:-150], bytes.fromhex(end[1].decode())):
        raise Damaged("vault.json was changed: its signature does not hold")
    return vault_id, owner, blake3(content).digest()

def find_secret() -> tuple[str, bytes]:
    given = os.environ.get
    if path := given("REBOND_KEY_FILE"):
        content = read_object("", path, 4 << 20)
        if len(content) != 32:
            raise Trouble("REBOND_KEY_FILE must be an owner's key file: exactly 32 bytes", 12)
        return "key file", content
    text = given("REBOND_PASSPHRASE")
    if text is None and (path := given("REBOND_PASSPHRASE_FILE")):
        text = os.fsdecode(read_object("", path, 4 << 20).split(b"\n", 1)[0].removesuffix(b"\r"))
    elif text is None and (command := given("REBOND_PASSPHRASE_COMMAND")):
        done = subprocess.run(command, shell=True, check=False, stdout=subprocess.PIPE)
        text = os.fsdecode(done.stdout.split(b"\n", 1)[0])
    text = getpass.getpass("Passphrase or recovery key: ") if text is None else text
    letters = re.sub(r"[\s-]+", "", text).upper().translate(str.maketrans("OILU", "011V"))
    if len(letters) == 70 and set(letters) <= set(ALPHABET):
        return "recovery key", read_recovery_key(letters)
    return "passphrase", unicodedata.normalize("NFC", text).encode("utf-8", "surrogateescape")

def read_recovery_key(letters: str) -> bytes:
    number = 0
    for group in range(14):  # four letters of five bits; the fifth only checks them
        for letter in letters[group * 5 : group * 5 + 4]:
            number = number << 5 | ALPHABET.index(letter)
    key = (number >> 24).to_bytes(32, "big")
    if number & 0xFFFFFF != int.from_bytes(kdf("recovery key check", key)[:3], "big") >> 4:
        raise Trouble("the recovery key has a typing error", 12)
    return key

def derive_slot_key(method: str, material: bytes, record: Any) -> bytes:
    salt = get(record, "salt", bytes)
    if method != "passphrase":
        return kdf(method, material + salt)
    memory, passes, lanes = (get(get(record, "argon2", dict), key, int) for key in ("memory_kib", "passes", "lanes"))
    if not (1 <= passes <= 10 and 1 <= lanes <= 16 and 8 * lanes <= memory <= 262144):
        raise Damaged("it asks for absurd key derivation; refused")
    return Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory).derive(material)

Snapshot = NamedTuple("Snapshot", [("time_ms", int), ("id", str), ("session", bytes), ("catalog", Any),
                                   ("private", bytes), ("doubt", str)])  # doubt: empty, or why it does not count

def list_snapshots(vault: Vault) -> list[Snapshot]:
    """Return what can be trusted, oldest first; name what cannot."""
    record, found = r"[0-9a-f]{16}/[0-9a-f]{32}\.[0-9a-f]{32}", []
    ended = {name.split(".withdrawn")[0] for name in list_names(vault.path, "snapshots", record + r"\.withdrawn.*")}
    for name in list_names(vault.path, "snapshots", record):
        try:
            read = read_snapshot(vault, "snapshots/" + name)
            found += [s._replace(doubt=s.doubt or ENDED) if name in ended else s for s in read]
        except (Trouble, OSError) as error:
            say(f"cannot be trusted: {error}")
    return sorted(found, key=lambda s: (s.time_ms, get(s.catalog, "sequence", int, 0), s.id, s.session))

def read_snapshot(vault: Vault, name: str) -> list[Snapshot]:
    body = without_sum(read_object(vault.path, name), name)
    if body[5] != SNAPSHOT:
        return []
    domain = check_header(body, SNAPSHOT, vault.id, name)
    snapshot, session, maker, catalog_size, private_size = struct.unpack("<16s16s8sII", body[HEADER : HEADER + 48])
    if name != f"snapshots/{maker.hex()}/{snapshot.hex()}.{session.hex()}":
        raise Damaged(f"{name} was renamed")
    start, end = HEADER + 48 + catalog_size, len(body) - 64
    if start + private_size != end:
        raise Damaged(f"the parts of {name} do not add up")
    member = vault.members.get(maker)
    if member is None or not is_signed(get(member, "verify_key", bytes), "snapshot", body[:end], body[end:]):
        raise Damaged(f"{name} is foreign: no member of the vault signed it")
    sealed, clear = body[HEADER + 48 : start], body[: HEADER + 48]
    catalog = unpack(open_seal(vault.catalog_keys(domain), "snapshot", sealed, clear))
    doubt = vault.doubt_of(member, domain, os.stat(os.path.join(vault.path, name)).st_mtime_ns / 1e6)
    time_ms = get(catalog, "moment_ms", int, get(catalog, "time_ms", int))
    return [Snapshot(time_ms, snapshot.hex(), session, catalog, body[start:end], doubt)]

def is_whole_set(catalog: Any) -> bool:
    return not get(catalog, "lacks", list, []) and all(get(each, "complete", bool, True) and not
        get(each, "degraded", bool, False) for each in get(catalog, "components", list))
def describe(s: Snapshot) -> str:
    moment = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(min(max(s.time_ms, 0) // 1000, 1 << 37)))
    stack, host = (repr(get(s.catalog, key, str, "")) for key in ("stack", "host"))
    return f"{s.id} {moment} stack {stack} of {host}{'' if is_whole_set(s.catalog) else ', NOT a whole set'} {s.doubt}"

def choose_snapshot(vault: Vault, wanted: str, stack: str) -> Snapshot:
    found = [s for s in list_snapshots(vault) if stack in ("", get(s.catalog, "stack", str, ""))]
    chosen = [s for s in found if (not s.doubt if wanted == "latest" else wanted and s.id.startswith(wanted.lower()))]
    if wanted == "latest":
        if len(stacks := sorted({repr(get(s.catalog, "stack", str, "")) for s in chosen})) > 1:
            raise Trouble(f"latest is not clear: name one of the stacks {', '.join(stacks)} after TARGET", 2)
        now = (time.time() + 600) * 1000  # what is dated ahead of this clock is taken only where there is no other
        chosen = [s for s in chosen if is_whole_set(s.catalog)] or chosen
        chosen = [s for s in chosen if s.time_ms <= now][-1:] or chosen[-1:]
    if len({snapshot.id for snapshot in chosen}) != 1:
        raise Trouble(f"{len(chosen)} snapshots are named {wanted}; run the program without SNAPSHOT to list them", 2)
    say(f"restoring {describe(chosen[-1])}")
    return chosen[-1]

def read_references(vault: Vault, snapshot: Snapshot) -> set[tuple[bytes, int]]:
    try:
        body = get(snapshot.catalog, "references", bytes, b"")
        if name := get(snapshot.catalog, "references_name", str, ""):
            if not re.fullmatch("references/[0-9a-f]{16}/[0-9a-f]{64}", name):
                raise Damaged(f"the references have an impossible name: {name!r}")
            content = read_object(vault.path, name)
            if blake3(content).hexdigest() != name[-64:]:
                raise Damaged(f"{name} is damaged")
            domain = check_header(content, REFERENCES, vault.id, name)
            body = open_seal(vault.catalog_keys(domain), "references", content[HEADER:], content[:HEADER])
        needed = get(unpack(decompress(1, body, BODY_LIMIT)), "need", list)
        return {(name, n) for name, bits in needed for n in range(len(bits) * 8) if bits[n >> 3] >> (n & 7) & 1}
    except (Damaged, OSError, ValueError, TypeError) as error:
        say(f"{error}; so all packs are read", 4)
        return set()

def decompress(codec: int, packed: bytes, limit: int) -> bytes:
    try:
        if codec == 1 and 0 <= (size := zstandard.frame_content_size(packed)) <= limit:
            return zstandard.ZstdDecompressor().decompress(packed, max_output_size=size)
        if codec == 2:
            filters = [{"id": lzma.FILTER_LZMA2, "dict_size": max(4096, limit + -limit % 4096)}]
            return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters).decompress(packed, max_length=limit + 1)
    except (zstandard.ZstdError, lzma.LZMAError, EOFError) as error:
        raise Damaged(f"compressed bytes do not decode: {error}") from None
    if codec:
        raise Damaged("compressed bytes have an unknown codec, or claim an impossible size")
    return packed
def open_frame(frame: bytes) -> bytes:
    codec, size, raw_size = struct.unpack("<BII", frame[:9].ljust(9, b"\xff"))
    packed = frame[9 : 9 + size]
    if len(packed) != size or raw_size > FRAME_LIMIT or len(raw := decompress(codec, packed, raw_size)) != raw_size:
        raise Damaged("a frame has an impossible size, or does not decode to its size")
    return raw

Segment = NamedTuple("Segment", [("kind", int), ("epoch", int), ("vault", bytes), ("domain", bytes), ("session", bytes),
                                 ("number", int), ("size", int)])  # size: of the whole segment
Place = tuple[str, int, Segment]

def parse_segment_header(content: bytes) -> Segment | None:
    if len(content) < SEGMENT_HEADER or content[:5] != b"RBSG\1" or content[6:8] != b"\1\0":
        return None
    header = Segment(*struct.unpack("<5xB2xI16s8s16sII", content[:SEGMENT_HEADER]))
    return header._replace(size=SEGMENT_HEADER + WRAP + header.size)
def open_segment(vault: Vault, stored: bytes) -> tuple[Segment, bytes]:
    header = parse_segment_header(stored)
    if header is None or header.size != len(stored) or header.vault != vault.id or header.epoch not in vault.epochs:
        raise Damaged("a segment is not what it should be")
    clear, rest = stored[:SEGMENT_HEADER], stored[SEGMENT_HEADER:]
    key = unwrap(vault.epochs[header.epoch], b"segment" + clear, rest[:WRAP])
    return header, open_frame(open_aead(key, rest[WRAP:], clear))

def split_chunks(raw: bytes, id_key: bytes) -> dict[bytes, memoryview]:
    """Cut a decoded segment into its chunks by id, and check every id."""
    at = 4 + int.from_bytes(raw[:4], "little") * 36
    if len(raw) < 4 or at > len(raw):
        raise Damaged("a segment claims more chunks than it holds")
    chunks = {}
    for chunk_id, size in struct.iter_unpack("<32sI", raw[4:at]):
        chunks[chunk_id] = chunk = memoryview(raw)[at : at + size]
        at += size
        if len(chunk) != size or blake3(chunk, key=id_key).digest() != chunk_id:
            raise Damaged("a chunk is not what its id says")
    return chunks

class Segments:
    """Where the segments of a vault lie, and what they hold. A *place* is (path of a pack, offset, header)."""

    def __init__(self, vault: Vault, needed: set[tuple[bytes, int]]) -> None:
        self.vault, self.needed, self.places = vault, needed, []
        self.open = lru_cache(DECODED)(self._open)
        for pack in list_names(vault.path, "packs", "[0-9a-f]{2}/[0-9a-f]{64}"):
            path = os.path.join(vault.path, "packs", pack)
            try:
                self.places += [(path, at, header) for at, header in scan_pack(path)]
            except (OSError, ValueError) as error:
                say(f"pack {pack} cannot be read: {error}")
        self._trees = self.read_all(TREE)
        self._tree_places: dict[bytes, Place] = {}

    def _open(self, place: Place) -> dict[bytes, memoryview]:
        path, at, header = place
        try:
            with open(path, "rb") as file:
                file.seek(at)
                _, raw = open_segment(self.vault, file.read(header.size))
            if header.domain not in self.vault.secrets:
                raise Damaged(f"the keyring has no secret of domain {header.domain.hex()}")
            label = "data id" if header.kind == DATA else "tree id"
            return split_chunks(raw, kdf(label, self.vault.secrets[header.domain]))
        except (Damaged, OSError) as error:
            say(f"pack {os.path.basename(path)} at {at}, segment {header.session.hex()}.{header.number}: {error}")
            return {}

    def read_all(self, kind: int) -> Iterator[tuple[Place, dict[bytes, memoryview]]]:
        """Open the needed segments, a good copy of each; then all others, where lost chunks may lie once more."""
        done, later = set(), []
        for place in self.places:
            name = place[2].session, place[2].number
            if place[2].kind != kind or name not in self.needed or name in done:
                later.append(place)
            elif chunks := self.open(place):
                done.add(name)
                yield place, chunks
        yield from ((place, self.open(place)) for place in later if place[2].kind == kind)

    def read_tree_object(self, object_id: bytes) -> bytes:
        while object_id not in self._tree_places:
            place, chunks = next(self._trees, (None, {}))
            if place is None:
                raise Damaged("a piece of the directory tree is lost")
            self._tree_places.update((chunk_id, place) for chunk_id in chunks)
        return bytes(self.open(self._tree_places[object_id])[object_id])

def scan_pack(path: str) -> Iterator[tuple[int, Segment]]:
    """Find the segments of a pack by their headers: no key, no tail and no index is needed."""
    at = after = HEADER
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        while at >= 0:
            if (header := parse_segment_header(content[at : at + SEGMENT_HEADER])) is not None:
                yield at, header
                at, after = at + header.size, at + SEGMENT_HEADER
            else:  # the end, or a header that is damaged: look for the next one
                at = after = content.find(b"RBSG\1", after + 1)

Read = Callable[[bytes], bytes]
def read_entries(read: Read, directory: bytes) -> Iterator[Any]:
    """Yield the entries of a directory. Raises ``Damaged`` where a page is lost or out of order."""
    last = b""
    for entry in read_page(read, directory, None):
        name = get(entry, "n", bytes)
        if name in (b"", b".", b"..") or b"/" in name or b"\0" in name or name <= last or not get(entry, "t", str):
            raise Damaged(f"it has an impossible entry: {name!r}")
        last = name
        yield entry
def read_page(read: Read, page_id: bytes, level: int | None) -> Iterator[Any]:
    page = unpack(read(page_id))
    if "e" in page and not level:
        yield from get(page, "e", list)
        return
    pages, found = get(page, "p", bytes), get(page, "l", int)
    if not 1 <= found <= DEPTH_LIMIT or level not in (None, found) or len(pages) % 32:
        raise Damaged("it has a page that does not belong there")
    for at in range(0, len(pages), 32):
        yield from read_page(read, pages[at : at + 32], found - 1)
def read_rows(read: Read, content: bytes, level: int) -> Iterator[tuple[bytes, int]]:
    if not 1 <= level <= DEPTH_LIMIT or len(content) % (36 if level == 1 else 32):
        raise Damaged("its list of chunks is cut short, or nested too deeply")
    if level == 1:
        yield from struct.iter_unpack("<32sI", content)
    else:
        for at in range(0, len(content), 32):
            yield from read_rows(read, read(content[at : at + 32]), level - 1)

def place_chunks(read: Read, entry: Any) -> Iterator[tuple[bytes, int, int, int]]:
    """Yield (chunk id, start in the chunk, length, offset in the file): chunks hold data, holes lie between."""
    position, end, holes = 0, get(entry, "s", int, 0), list(get(entry, "o", list, []))
    rows = (read(entry["L"][0]), entry["L"][1]) if "L" in entry else (get(entry, "c", bytes, b""), 1)
    for chunk_id, size in read_rows(read, *rows):
        start = 0
        while start < size or not size:
            while holes and holes[0][0] == position:
                position += holes.pop(0)[1]
            step = min(size - start, (holes[0][0] if holes else end) - position)
            if step <= 0:
                raise Damaged("its chunks and holes do not fit its size")
            yield chunk_id, start, step, position
            start, position = start + step, position + step
    if position + sum(size for _, size in holes) != end:
        raise Damaged("its chunks are less than its size")

class Landing:
    """Writes below one directory; no part of a path is ever followed through a symbolic link."""

    def __init__(self, target: str) -> None:
        os.makedirs(target, mode=0o700, exist_ok=True)
        if os.listdir(target):
            raise Trouble(f"{target} is not empty: name an empty directory, or one that is not there", 41)
        self._root = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
        self._parent: tuple[bytes, int] = (b"", os.dup(self._root))
        self.paths, self.entries = list[bytes](), list[Any]()
        self._links: dict[tuple[bytes, bytes], int] = {}
        self._later: list[tuple[int, int]] = []  # (entry, the entry that it is another name of, or -1)
        self.wanted: dict[bytes, list[tuple[int, int, int, int]]] = {}  # chunk → (entry, start, length, offset)

    def reach(self, number: int) -> tuple[int, bytes]:
        """Return the descriptor of the directory that holds an entry, and the entry's name."""
        folder, _, name = self.paths[number].rpartition(b"/")
        if folder != self._parent[0]:
            descriptor = os.dup(self._root)
            for part in folder.split(b"/") if folder else []:
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            os.close(self._parent[1])
            self._parent = folder, descriptor
        return self._parent[1], name

    def land(self, path: bytes, entry: Any, read: Read, component: bytes) -> None:
        """Land an entry and all below it: directories, empty files; remember what is to come of the rest."""
        waiting = [(path, entry)]
        while waiting:
            path, entry = waiting.pop()
            number, link = len(self.paths), get(entry, "h", bytes, b"")
            self.paths.append(path)
            self.entries.append(entry)
            first = self._links.setdefault((component, link), number) if link else number
            try:
                if entry["t"] == "d":
                    parent, name = self.reach(number)
                    os.mkdir(name, 0o700, dir_fd=parent)
                    for below in read_entries(read, get(entry, "d", bytes)):
                        waiting.append((path + b"/" + below["n"], below))
                elif first != number or entry["t"] != "f":
                    self._later.append((number, first if first != number else -1))
                else:
                    with self._open(number, os.O_CREAT | os.O_EXCL) as file:
                        os.ftruncate(file.fileno(), get(entry, "s", int, 0))
                    for chunk_id, start, size, offset in place_chunks(read, entry):
                        self.wanted.setdefault(chunk_id, []).append((number, start, size, offset))
            except (Damaged, OSError, TypeError, ValueError, LookupError) as error:
                say(f"{show(path)}: {error}", 4)

    def write(self, chunk_id: bytes, chunk: memoryview) -> None:
        for number, start, size, offset in self.wanted.pop(chunk_id):
            piece = chunk[start : start + size]
            if len(piece) != size:
                say(f"{show(self.paths[number])}: a chunk is shorter than the tree says", 4)
            with self._open(number) as file:
                file.seek(offset)
                file.write(piece)

    def _open(self, number: int, flags: int = 0) -> BinaryIO:
        parent, name = self.reach(number)
        return os.fdopen(os.open(name, os.O_WRONLY | os.O_NOFOLLOW | flags, 0o600, dir_fd=parent), "wb")
    def _hold(self, number: int) -> int:
        parent, name = self.reach(number)
        return os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=parent)

    def finish(self) -> None:
        """Make links and special files, then set metadata; directories last, the deepest first."""
        for number in sorted({number for places in self.wanted.values() for number, *_ in places}):
            say(f"{show(self.paths[number])} is not whole: what is lost reads as zeros", 4)
        work: list[tuple[int, Callable[[int], None]]] = []
        work += [(number, partial(self._make_special, first)) for number, first in self._later]
        work += [(n, self._set_metadata) for n in range(len(self.paths)) if self.entries[n]["t"] != "d"]
        work += [(n, self._set_metadata) for n in reversed(range(len(self.paths))) if self.entries[n]["t"] == "d"]
        for number, action in work:
            try:
                action(number)
            except (OSError, OverflowError, TypeError, ValueError, Damaged) as error:
                say(f"{show(self.paths[number])}: {error}", 3)

    def _make_special(self, first: int, number: int) -> None:
        entry = self.entries[number]
        held = self._hold(first) if first >= 0 else -1
        parent, name = self.reach(number)
        kinds = {"p": stat.S_IFIFO, "s": stat.S_IFSOCK, "c": stat.S_IFCHR, "b": stat.S_IFBLK}
        if first >= 0:
            os.link(b"/proc/self/fd/%d" % held, name, dst_dir_fd=parent)
            os.close(held)
            return
        if entry["t"] == "l":
            os.symlink(get(entry, "S", bytes), name, dir_fd=parent)
        elif entry["t"] in kinds:
            os.mknod(name, kinds[entry["t"]] | 0o600, get(entry, "r", int, 0), dir_fd=parent)
        else:
            raise Damaged(f"an entry of the unknown type {entry['t']!r} is left out")

    def _set_metadata(self, number: int) -> None:
        entry, held = self.entries[number], self._hold(number)
        path = b"/proc/self/fd/%d" % held  # the thing itself, whatever its name leads to meanwhile
        try:
            if os.geteuid() == 0:  # first, because a new owner takes some of the mode and the attributes away
                os.chown(path, get(entry, "u", int, 0), get(entry, "g", int, 0))
            for attribute, value in get(entry, "x", list, []):
                try:
                    os.setxattr(path, attribute, value)
                except OSError as error:
                    say(f"{show(self.paths[number])}: attribute {show(attribute)}: {error.strerror}", 3)
            if entry["t"] != "l":
                os.chmod(path, get(entry, "m", int, 0) & 0o7777)
            os.utime(path, ns=(get(entry, "M", int, 0),) * 2)
        finally:
            os.close(held)

def restore(vault: Vault, snapshot: Snapshot, target: str) -> None:
    header, raw = open_segment(vault, snapshot.private)
    if (header.kind, header.number, header.session) != (PRIVATE, 2**32 - 1, snapshot.session):
        raise Damaged("the private part belongs to another snapshot")
    landing = Landing(target)
    segments = Segments(vault, read_references(vault, snapshot))
    for component in get(unpack(raw), "components", list, []):
        name = get(component, "name", str).encode()
        name = name if re.fullmatch(rb"[^/\0]+", name) and name not in (b".", b"..") else name.hex().encode()
        try:
            if entry := get(component, "entry", bytes, b""):  # absent: the component could not be saved
                tree = {"d": component["tree"]} if "tree" in component else {}
                landing.land(name, {**unpack(entry), **tree}, segments.read_tree_object, name)
        except (Damaged, TypeError, ValueError, LookupError) as error:
            say(f"{show(name)}: {error}", 4)
    data = segments.read_all(DATA)
    while landing.wanted and (found := next(data, None)):
        for chunk_id in landing.wanted.keys() & found[1].keys():
            landing.write(chunk_id, found[1][chunk_id])
    landing.finish()
    say(f"restored {len(landing.paths)} entries of snapshot {snapshot.id} to {target}. {snapshot.doubt}")

def main(arguments: list[str]) -> int:
    if len(arguments) not in (1, 3, 4) or arguments[0].startswith("-"):
        say(str(__doc__))
        return 2
    try:
        vault = Vault(arguments[0])
        if len(arguments) == 1:
            for snapshot in list_snapshots(vault):
                print(describe(snapshot))
            return 0
        restore(vault, choose_snapshot(vault, arguments[1], "".join(arguments[3:])), arguments[2])
    except (Trouble, OSError) as error:
        say(f"stopped: {error}")
        return getattr(error, "status", 4)
    return worst[0]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
