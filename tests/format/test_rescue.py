"""The rescue program: what it takes, what it survives, what it refuses."""

import os
import shutil
import stat
from pathlib import Path

import pytest
from blake3 import blake3
from tests.format.golden_vault import golden_facts, unpack_golden
from tests.format.isolated import run_rescue
from tests.format.manifests import tell_tree
from tests.unit.cli.program_runs import Program

from rebond.clock import SystemClock
from rebond.identifiers import ObjectName
from rebond.store.local import LocalStore
from rebond.vault.access import Vault
from rebond.vault.endings import put_tombstone, put_withdrawal
from rebond.vault.frames import LEVELS, Compressor, build_frame, join_chunks
from rebond.vault.opening import open_vault
from rebond.vault.packs import PackBuilder, PackedSegment
from rebond.vault.primitives import hash_of, keyed_id, sealing_public_key
from rebond.vault.segments import SegmentKind, decode_segment_header, seal_segment
from rebond.vault.slots import key_file_secret
from rebond.vault.streams import put_item

FACTS = golden_facts()
PASSPHRASE = {"REBOND_PASSPHRASE": FACTS["passphrase"]}
FIRST = FACTS["snapshots"]["first"]["id"]
WRITERS = FACTS["snapshots"]["writer"]["id"]


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    return unpack_golden(tmp_path)


def told(target: Path, name: str = "odd") -> object:
    return tell_tree(os.fsencode(target / name))


def packs_of(vault: Path) -> list[Path]:
    return sorted(path for path in (vault / "packs").rglob("*") if path.is_file())


def test_without_a_snapshot_it_lists_them(vault: Path, tmp_path: Path) -> None:
    done = run_rescue(tmp_path, vault, environment=PASSPHRASE)

    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == [s["id"] for s in FACTS["snapshots"].values()]


def test_latest_is_the_newest_and_a_prefix_is_enough(vault: Path, tmp_path: Path) -> None:
    latest = run_rescue(tmp_path, vault, "latest", tmp_path / "latest", environment=PASSPHRASE)
    prefix = run_rescue(tmp_path, vault, WRITERS[:9], tmp_path / "prefix", environment=PASSPHRASE)

    assert latest.returncode == prefix.returncode == 0
    assert told(tmp_path / "latest") == told(tmp_path / "prefix") == FACTS["snapshots"]["writer"]["components"]["odd"]


@pytest.mark.parametrize("way", ["file", "command", "recovery key", "key file"])
def test_every_secret_is_taken_from_every_place(vault: Path, tmp_path: Path, way: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text(FACTS["passphrase"] + "\nanother line\n", encoding="utf-8")
    environment = {
        "file": {"REBOND_PASSPHRASE_FILE": str(secret)},
        "command": {"REBOND_PASSPHRASE_COMMAND": f"cat {secret}"},
        "recovery key": {"REBOND_PASSPHRASE": FACTS["recovery_key"].lower().replace("-", " ").replace("0", "o")},
        "key file": {"REBOND_KEY_FILE": str(secret)},
    }[way]
    if way == "key file":
        secret.write_bytes(bytes.fromhex(FACTS["key_file"]))

    assert run_rescue(tmp_path, vault, environment=environment).returncode == 0


def test_a_wrong_secret_opens_nothing(vault: Path, tmp_path: Path) -> None:
    done = run_rescue(tmp_path, vault, "latest", tmp_path / "back", environment={"REBOND_PASSPHRASE": "wrong"})

    assert done.returncode == 12
    assert not (tmp_path / "back").exists()


def test_a_recovery_key_with_a_typing_error_is_told(vault: Path, tmp_path: Path) -> None:
    wrong = FACTS["recovery_key"][:-9] + "Z" + FACTS["recovery_key"][-8:]

    assert run_rescue(tmp_path, vault, environment={"REBOND_PASSPHRASE": wrong}).returncode == 12


def test_a_directory_that_is_no_vault_is_told(tmp_path: Path) -> None:
    assert run_rescue(tmp_path, tmp_path, environment=PASSPHRASE).returncode == 10


def test_a_snapshot_that_is_not_there_is_told(vault: Path, tmp_path: Path) -> None:
    done = run_rescue(tmp_path, vault, "0123", tmp_path / "back", environment=PASSPHRASE)

    assert done.returncode == 2
    assert not (tmp_path / "back").exists()


def test_a_target_that_is_not_empty_is_left_alone(vault: Path, tmp_path: Path) -> None:
    target = tmp_path / "back"
    target.mkdir()
    (target / "mine").write_bytes(b"mine")

    assert run_rescue(tmp_path, vault, "latest", target, environment=PASSPHRASE).returncode == 41
    assert os.listdir(target) == ["mine"]


def test_a_later_format_is_refused(vault: Path, tmp_path: Path) -> None:
    description = vault / "vault.json"
    description.write_bytes(description.read_bytes().replace(b'"format": 1,', b'"format": 2,'))

    assert run_rescue(tmp_path, vault, environment=PASSPHRASE).returncode == 14


def test_a_changed_description_is_refused(vault: Path, tmp_path: Path) -> None:
    description = vault / "vault.json"
    description.write_bytes(description.read_bytes().replace(b'"made_ms": 1', b'"made_ms": 2'))

    assert run_rescue(tmp_path, vault, environment=PASSPHRASE).returncode == 4


@pytest.mark.parametrize("lost", ["index", "sessions", "trash", "keyring/1", "roster/1", "README.txt"])
def test_nothing_that_only_helps_is_needed(vault: Path, tmp_path: Path, lost: str) -> None:
    path = vault / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()

    done = run_rescue(tmp_path, vault, WRITERS, tmp_path / "back", environment=PASSPHRASE)

    assert done.returncode == 0
    assert told(tmp_path / "back") == FACTS["snapshots"]["writer"]["components"]["odd"]


def test_packs_without_their_ends_still_give_their_segments(vault: Path, tmp_path: Path) -> None:
    for path in packs_of(vault):
        os.truncate(path, path.stat().st_size - 40)

    done = run_rescue(tmp_path, vault, WRITERS, tmp_path / "back", environment=PASSPHRASE)

    assert done.returncode == 0
    assert told(tmp_path / "back") == FACTS["snapshots"]["writer"]["components"]["odd"]


def test_a_damaged_segment_costs_only_the_files_in_it(vault: Path, tmp_path: Path) -> None:
    """The first pack of the first snapshot holds a data segment for each component; one of them is spoilt."""
    path, offset = segment_with(vault, component=2)
    flip(path, offset + 1300)

    done = run_rescue(tmp_path, vault, FIRST, tmp_path / "back", environment=PASSPHRASE)

    assert done.returncode == 4
    assert "rows/rows" in done.stderr
    assert "rows/short" in done.stderr
    assert "odd/chunks" not in done.stderr
    assert told(tmp_path / "back") == FACTS["snapshots"]["first"]["components"]["odd"]
    assert (tmp_path / "back/rows/short").read_bytes() == bytes(len(b"a few words"))


def test_a_damaged_segment_header_does_not_hide_the_next_segment(vault: Path, tmp_path: Path) -> None:
    path, offset = segment_with(vault, component=0)
    flip(path, offset + 1)

    done = run_rescue(tmp_path, vault, FIRST, tmp_path / "back", environment=PASSPHRASE)

    assert done.returncode == 4
    assert "rows/rows" not in done.stderr
    assert "odd/chunks" in done.stderr
    assert told(tmp_path / "back", "rows") == FACTS["snapshots"]["first"]["components"]["rows"]


def test_a_chunk_that_lies_elsewhere_too_is_taken_from_there(vault: Path, tmp_path: Path) -> None:
    """The writer's own pack is gone; a copy of its segments lies in another pack."""
    path = next(p for p in packs_of(vault) if pack_domain(p) == writer_domain(vault))
    content = path.read_bytes()
    copy = content[:40] + b"moved by" + content[48:]
    path.unlink()
    put(vault, "packs", copy)

    done = run_rescue(tmp_path, vault, WRITERS, tmp_path / "back", environment=PASSPHRASE)

    assert done.returncode == 0
    assert told(tmp_path / "back") == FACTS["snapshots"]["writer"]["components"]["odd"]


def test_a_segment_forged_under_a_needed_name_changes_nothing(vault: Path, tmp_path: Path) -> None:
    """Whoever may put packs can seal anything under any name: ids decide what it is."""
    for number in range(20):  # wherever the names of packs sort
        forge_pack(vault, component=2, content=b"forged %d" % number)

    done = run_rescue(tmp_path, vault, FIRST, tmp_path / "back", environment=PASSPHRASE)

    assert done.returncode == 0
    assert told(tmp_path / "back", "rows") == FACTS["snapshots"]["first"]["components"]["rows"]


def test_lost_references_cost_time_and_nothing_else(vault: Path, tmp_path: Path) -> None:
    shutil.rmtree(vault / "references")
    second = FACTS["snapshots"]["second"]

    done = run_rescue(tmp_path, vault, second["id"], tmp_path / "back", environment=PASSPHRASE)

    assert done.returncode == 4
    assert "references/" in done.stderr
    assert told(tmp_path / "back") == second["components"]["odd"]


def test_a_snapshot_that_was_changed_or_renamed_is_named_and_never_latest(vault: Path, tmp_path: Path) -> None:
    newest = next((vault / "snapshots").rglob(WRITERS + ".*"))
    flip(newest, 300)
    special = next((vault / "snapshots").rglob(FACTS["snapshots"]["special"]["id"] + ".*"))
    special.rename(special.with_name("ff" * 16 + special.name[32:]))

    done = run_rescue(tmp_path, vault, "latest", tmp_path / "back", environment=PASSPHRASE)

    assert done.stderr.count("cannot be trusted") == 2
    assert told(tmp_path / "back") == FACTS["snapshots"]["second"]["components"]["odd"]


def test_a_snapshot_that_nobody_of_the_vault_signed_is_foreign(vault: Path, tmp_path: Path) -> None:
    newest = next((vault / "snapshots").rglob(WRITERS + ".*"))
    content = bytearray(newest.read_bytes()[:-32])
    content[-10] ^= 1
    newest.write_bytes(bytes(content) + blake3(content).digest())

    done = run_rescue(tmp_path, vault, WRITERS, tmp_path / "back", environment=PASSPHRASE)

    assert done.returncode == 2
    assert "foreign" in done.stderr


def find_record(vault: Path, snapshot: str) -> ObjectName:
    return ObjectName(str(next((vault / "snapshots").rglob(snapshot + ".*")).relative_to(vault)))


def open_golden(vault: Path, tmp_path: Path) -> Vault:
    opened = open_vault(LocalStore(vault), key_file_secret(bytes.fromhex(FACTS["key_file"])))
    return Vault(
        store=LocalStore(vault), credentials=opened.credentials, roster=opened.roster, caches=tmp_path / "caches"
    )


@pytest.mark.parametrize("ending", ["tombstone", "withdrawal", "anything"])
def test_what_something_may_end_is_never_latest_and_is_still_there(vault: Path, tmp_path: Path, ending: str) -> None:
    """It is for Rebond to check who made what lies there; a thief must not hide a snapshot from its owner."""
    name = find_record(vault, WRITERS)
    if ending == "tombstone":
        put_tombstone(open_golden(vault, tmp_path), name, bytes(16))
    elif ending == "withdrawal":
        put_withdrawal(open_golden(vault, tmp_path), name, "a test")
    else:
        (vault / (name + ".withdrawn." + "0" * 32)).write_bytes(bytes(8))

    listed = run_rescue(tmp_path, vault, environment=PASSPHRASE).stdout.splitlines()
    latest = run_rescue(tmp_path, vault, "latest", tmp_path / "latest", environment=PASSPHRASE)
    named = run_rescue(tmp_path, vault, WRITERS, tmp_path / "named", environment=PASSPHRASE)

    assert [line.split()[0] for line in listed if "Beware" in line] == [WRITERS]
    assert len(listed) == len(FACTS["snapshots"])
    assert named.returncode == 0
    assert latest.returncode == (0 if os.geteuid() == 0 else 3)  # it holds devices, which only root may make
    assert WRITERS not in latest.stderr
    assert "Beware" in named.stderr
    assert told(tmp_path / "named") == FACTS["snapshots"]["writer"]["components"]["odd"]


def test_a_revoked_writers_later_snapshot_is_never_latest(vault: Path, tmp_path: Path) -> None:
    """Its file is younger than the revocation; it is still restored when it is asked for by its id."""
    from rebond.clock import SystemClock
    from rebond.vault.members import find_member_by_label, revoke_member

    store = LocalStore(vault)
    opened = open_vault(store, key_file_secret(bytes.fromhex(FACTS["key_file"])))
    member = find_member_by_label(opened.roster, "shop")
    revoke_member(store, opened.require_keyring(), opened.roster, member.id, clock=SystemClock())
    newest = next((vault / "snapshots").rglob(WRITERS + ".*"))
    os.utime(newest, (4e9, 4e9))

    latest = run_rescue(tmp_path, vault, "latest", tmp_path / "latest", environment=PASSPHRASE)
    asked = run_rescue(tmp_path, vault, WRITERS, tmp_path / "asked", environment=PASSPHRASE)

    assert sorted(os.listdir(tmp_path / "latest")) == ["special"]
    assert latest.returncode in {0, 3}
    assert asked.returncode == 0
    assert "Beware" in asked.stderr


def test_the_target_is_closed_to_others_while_it_fills(vault: Path, tmp_path: Path) -> None:
    run_rescue(tmp_path, vault, WRITERS, tmp_path / "back", environment=PASSPHRASE)

    assert stat.S_IMODE((tmp_path / "back").stat().st_mode) == 0o700


def test_holes_come_back_as_holes(vault: Path, tmp_path: Path) -> None:
    (tmp_path / "sparse").write_bytes(b"")
    os.truncate(tmp_path / "sparse", 1 << 20)
    if (tmp_path / "sparse").stat().st_blocks:
        pytest.skip("this file system has no holes")
    run_rescue(tmp_path, vault, WRITERS, tmp_path / "back", environment=PASSPHRASE)

    assert (tmp_path / "back/odd/holes/middle").stat().st_blocks * 512 < 1 << 17
    assert (tmp_path / "back/odd/holes/only").stat().st_blocks == 0


def flip(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


def put(vault: Path, folder: str, content: bytes) -> None:
    name = blake3(content).hexdigest()
    path = vault / folder / name[:2] / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def pack_domain(path: Path) -> bytes:
    return path.read_bytes()[24:32]


def writer_domain(vault: Path) -> bytes:
    newest = next((vault / "snapshots").rglob(WRITERS + ".*"))
    return newest.read_bytes()[24:32]


def segment_with(vault: Path, *, component: int) -> tuple[Path, int]:
    """Return pack and offset of the data segment of the first snapshot's nth component."""
    session = bytes.fromhex(next((vault / "snapshots").rglob(FIRST + ".*")).name[33:])
    found = []
    for path in packs_of(vault):
        content, at = path.read_bytes(), 48
        while content[at : at + 4] == b"RBSG":
            header = decode_segment_header(content[at:])
            if header.session == session and header.kind is SegmentKind.DATA:
                found.append((header.number, path, at))
            at += header.stored_length
    found.sort()
    return found[component][1:]


def forge_pack(vault: Path, *, component: int, content: bytes) -> None:
    path, at = segment_with(vault, component=component)
    header = decode_segment_header(path.read_bytes()[at:])
    opened = open_vault(LocalStore(vault), key_file_secret(bytes.fromhex(FACTS["key_file"])))
    keys = opened.credentials.domain_keys(header.domain)
    chunk_id = keyed_id(keys.data_id_key, content)
    sealed = seal_segment(
        sealing_public_key(opened.roster.sealing_public),
        build_frame(join_chunks([chunk_id], [content]), Compressor(LEVELS["fast"])),
        kind=header.kind,
        epoch=header.epoch,
        vault_id=header.vault_id,
        domain=header.domain,
        session=header.session,
        number=header.number,
    )
    builder = PackBuilder(header.vault_id, header.domain)
    builder.add(
        PackedSegment(
            header.session, header.number, 1, sealed.stored, hash_of(sealed.stored), len(content), b"table", 1
        )
    )
    put(vault, "packs", builder.fill(opened.credentials.catalog(header.domain).current).content)


def test_it_does_not_stumble_over_streams_whole_or_damaged(vault: Path, tmp_path: Path) -> None:
    live = open_golden(vault, tmp_path)
    name = put_item(live, "ledger/x", "1", b"what happened", sequence=1, for_ever=True)
    put_item(live, "wal/main", "2", b"a log segment", sequence=2)
    (vault / name).chmod(0o600)
    (vault / name).write_bytes(b"\0" * 100)

    listed = run_rescue(tmp_path, vault, environment=PASSPHRASE)
    done = run_rescue(tmp_path, vault, "latest", tmp_path / "back", environment=PASSPHRASE)

    assert listed.returncode == done.returncode == 0
    assert len(listed.stdout.splitlines()) == len(FACTS["snapshots"])
    assert told(tmp_path / "back") == FACTS["snapshots"]["writer"]["components"]["odd"]


@pytest.fixture
def shared(tmp_path: Path) -> Program:
    """A vault of two stacks: that of the newest snapshot is not the only one."""
    (tmp_path / "shared").mkdir()
    program = Program.with_vault(tmp_path / "shared")
    for stack in ("shop", "blog"):
        (tmp_path / stack).mkdir()
        (tmp_path / stack / "file").write_text(stack)
        program.good("backup", "--path", tmp_path / stack, "--quiet")
    return program


def test_latest_of_several_stacks_is_refused_until_one_is_named(shared: Program, tmp_path: Path) -> None:
    environment = {"REBOND_KEY_FILE": shared.environment["REBOND_KEY_FILE"]}
    back = tmp_path / "back"
    refused = run_rescue(tmp_path, shared.vault, "latest", back, environment=environment)
    assert refused.returncode == 2
    assert "'blog', 'shop'" in refused.stderr
    assert not back.exists()
    done = run_rescue(tmp_path, shared.vault, "latest", back, "shop", environment=environment)
    assert done.returncode == 0, done.stderr
    assert (back / "shop" / "file").read_text() == "shop"
    assert "stack 'shop'" in done.stderr  # which it took is said
    unknown = run_rescue(tmp_path, shared.vault, "latest", tmp_path / "none", "shpo", environment=environment)
    assert unknown.returncode == 2


def test_what_is_dated_ahead_is_latest_only_where_there_is_no_other(
    vault: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "stack"  # its stack is called so, as that of the golden vault
    source.mkdir()
    (source / "odd").write_text("of a wrong clock")
    program = Program(tmp_path, REBOND_VAULT=str(vault), REBOND_KEY_FILE=str(tmp_path / "key"))
    (tmp_path / "key").write_bytes(bytes.fromhex(FACTS["key_file"]))
    now_ms = SystemClock().now_ms()
    with monkeypatch.context() as patched:
        patched.setattr(SystemClock, "now_ms", lambda _: now_ms + 40 * 86_400_000)
        program.good("backup", "--path", source, "--quiet")
    latest = run_rescue(tmp_path, vault, "latest", tmp_path / "latest", environment=PASSPHRASE)
    assert latest.returncode == 0, latest.stderr
    assert told(tmp_path / "latest") == FACTS["snapshots"]["writer"]["components"]["odd"]
