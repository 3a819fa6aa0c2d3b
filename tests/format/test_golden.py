"""A vault of this version of the format, made once: today's code must give back every byte of it."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from tests.format.golden_vault import golden_facts, unpack_golden
from tests.format.isolated import RESCUE, run_rescue
from tests.format.manifests import tell_tree

from rebond.findings import Finding
from rebond.operations.restore import restore
from rebond.operations.restore_planning import RestoreRequest
from rebond.progress import Silence
from rebond.store.local import LocalStore
from rebond.vault.access import Vault
from rebond.vault.commits import read_snapshots
from rebond.vault.credentials import Role
from rebond.vault.frames import Codec
from rebond.vault.member_files import MemberFileSecret
from rebond.vault.opening import VaultSecret, open_vault
from rebond.vault.packs import scan_segments
from rebond.vault.primitives import sealing_private_key
from rebond.vault.segments import SegmentKind, decode_segment_header, open_segment
from rebond.vault.slots import key_file_secret, passphrase_secret, recovery_key_secret
from rebond.vault.snapshots import SnapshotRecord

FACTS = golden_facts()
SECRETS = {
    "passphrase": passphrase_secret(FACTS["passphrase"]),
    "recovery key": recovery_key_secret(FACTS["recovery_key"]),
    "key file": key_file_secret(bytes.fromhex(FACTS["key_file"])),
}
SNAPSHOTS = [pytest.param(name, marks=[pytest.mark.root] if name == "special" else []) for name in FACTS["snapshots"]]


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack_golden(tmp_path_factory.mktemp("golden"))


def open_golden(golden: Path, caches: Path, secret: VaultSecret = SECRETS["key file"]) -> Vault:
    store = LocalStore(golden)
    opened = open_vault(store, secret, notice=fail_on)
    return Vault(store=store, credentials=opened.credentials, roster=opened.roster, caches=caches, report=fail_on)


def fail_on(finding: Finding) -> None:
    pytest.fail(finding.message)


def snapshot_of(vault: Vault, name: str) -> SnapshotRecord:
    return next(r for r in read_snapshots(vault) if r.snapshot.hex() == FACTS["snapshots"][name]["id"])


def told_of(name: str, target: Path) -> dict[str, Any]:
    return {
        component: tell_tree(os.fsencode(target / component), with_owners=name == "special")
        for component in sorted(os.listdir(target))
    }


def expected_of(name: str) -> dict[str, Any]:
    return dict(sorted(FACTS["snapshots"][name]["components"].items()))


def without_borrowed_rights(components: dict[str, Any]) -> dict[str, Any]:
    """What an ordinary user gets: a file whose owner is not brought back is run as nobody but its reader."""
    return {
        component: [
            {**each, "mode": each["mode"] & ~0o6000} if stat.S_ISREG(each.get("kind", 0)) else each for each in entries
        ]
        for component, entries in components.items()
    }


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_the_code_restores_a_golden_snapshot_whole(golden: Path, tmp_path: Path, name: str) -> None:
    vault = open_golden(golden, tmp_path / "caches")
    target = tmp_path / "back"

    is_root = os.geteuid() == 0
    request = RestoreRequest(target=os.fsencode(target), keeps_owner=is_root)

    outcome = restore(vault, snapshot_of(vault, name), request, Silence())

    assert told_of(name, target) == (expected_of(name) if is_root else without_borrowed_rights(expected_of(name)))
    assert outcome.findings == ()


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_the_rescue_program_restores_a_golden_snapshot_where_rebond_is_not(
    golden: Path, tmp_path: Path, name: str
) -> None:
    target = tmp_path / "back"

    done = run_rescue(
        tmp_path, golden, FACTS["snapshots"][name]["id"], target, environment={"REBOND_PASSPHRASE": FACTS["passphrase"]}
    )

    assert done.returncode == 0, done.stderr
    assert told_of(name, target) == expected_of(name)


@pytest.mark.parametrize("method", SECRETS)
def test_every_secret_opens_the_golden_vault(golden: Path, tmp_path: Path, method: str) -> None:
    vault = open_golden(golden, tmp_path, SECRETS[method])

    assert {r.snapshot.hex() for r in read_snapshots(vault)} == {s["id"] for s in FACTS["snapshots"].values()}


@pytest.mark.parametrize(("file", "role"), [("writer_file", Role.WRITER), ("keeper_file", Role.KEEPER)])
def test_member_files_of_then_open_the_golden_vault(golden: Path, tmp_path: Path, file: str, role: Role) -> None:
    vault = open_golden(golden, tmp_path, MemberFileSecret(content=bytes.fromhex(FACTS[file])))

    assert vault.credentials.role is role
    assert read_snapshots(vault, snapshot_of_writer(golden, tmp_path))


def snapshot_of_writer(golden: Path, caches: Path) -> Any:
    return snapshot_of(open_golden(golden, caches), "writer").member


def test_a_snapshot_says_of_itself_what_it_was_told(golden: Path, tmp_path: Path) -> None:
    vault = open_golden(golden, tmp_path)
    records = {name: snapshot_of(vault, name) for name in FACTS["snapshots"]}
    catalog = records["second"].catalog

    assert (catalog.class_, catalog.tags, catalog.host, catalog.stack) == ("daily", ["gold", "old"], "golden", "stack")
    assert catalog.time_ms == FACTS["snapshots"]["second"]["time_ms"]
    assert catalog.references_name
    assert not records["first"].catalog.references_name
    assert catalog.sequence == 2
    assert catalog.previous == records["first"].content_hash
    assert catalog.parent == records["first"].snapshot


def test_anyone_can_audit_every_object_without_a_key(golden: Path) -> None:
    """Names that are hashes are those of the bytes; every other binary object ends with its sum."""
    store, seen = LocalStore(golden), set()
    for info in store.list_objects():
        folder, content = info.name.split("/")[0], store.read(info.name)
        seen.add(folder)
        if folder in {"packs", "index", "references"}:
            assert blake3(content).hexdigest() == info.name.rsplit("/", 1)[1]
        elif folder in {"keys", "keyring", "roster", "snapshots", "sessions", "trash"}:
            assert blake3(content[:-32]).digest() == content[-32:], info.name
    assert seen >= {"packs", "index", "references", "keys", "keyring", "roster", "snapshots", "sessions", "trash"}


def test_the_golden_vault_holds_every_codec_and_kind(golden: Path, tmp_path: Path) -> None:
    """A golden vault is worth what it covers."""
    vault = open_golden(golden, tmp_path)
    private = sealing_private_key(vault.credentials.sealing_seed(1))
    codecs, kinds = set(), set()
    for info in vault.store.list_objects("packs/"):
        content = vault.store.read(info.name)
        for offset, length in scan_segments(content, vault.vault_id):
            stored = content[offset : offset + length]
            codecs.add(open_segment(stored, private)[0])
            kinds.add(decode_segment_header(stored).kind)

    assert codecs >= {Codec.ZSTD, Codec.LZMA2}
    assert kinds == {SegmentKind.DATA, SegmentKind.TREE}


def test_the_rescue_program_stays_short_and_imports_nothing_of_ours() -> None:
    text = RESCUE.read_text(encoding="utf-8")

    assert len(text.splitlines()) < 700
    assert not any(line.split()[:2] in (["import", "rebond"], ["from", "rebond"]) for line in text.splitlines())
