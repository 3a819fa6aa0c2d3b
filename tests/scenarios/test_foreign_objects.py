"""What strangers put into a vault, and what members put that is wrong: shown, never used, never deleted."""

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.scenarios.verified_vault import World, build_world, find_unreadable, named_paths, put_forged

from rebond.findings import Severity
from rebond.identifiers import MemberId, ObjectName, SessionId, SnapshotId, random_id
from rebond.operations.verify import VerifyOutcome
from rebond.testing.damage import rewrite_object
from rebond.vault.headers import with_sum
from rebond.vault.index import build_index_list, index_name
from rebond.vault.members import issue_writer
from rebond.vault.object_names import ObjectClass
from rebond.vault.opening import open_vault, secret_from_file
from rebond.vault.packs import pack_name
from rebond.vault.primitives import SIGNATURE_SIZE, hash_of
from rebond.vault.references import build_references, encode_references
from rebond.vault.segments import SegmentKind
from rebond.vault.sessions import SessionJournal
from rebond.vault.slots import make_slot, passphrase_secret, recovery_key_secret
from rebond.vault.snapshots import SnapshotRecord, build_snapshot, snapshot_name


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_world(tmp_path_factory.mktemp("pristine"))


@pytest.fixture
def world(pristine: World, tmp_path: Path) -> World:
    return pristine.copy(tmp_path)


@pytest.fixture
def stranger(tmp_path: Path) -> World:
    return build_world(tmp_path / "stranger")


def assert_shown_and_left(world: World, name: str, *, is_ok: bool = False) -> VerifyOutcome:
    """The object is told as foreign, reaches nothing, stays where it is, and what is ours is whole."""
    outcome = world.verify(read_data_percent=100, repair=True)

    assert outcome.ok == is_ok
    assert name in {finding.subject for finding in outcome.findings if finding.severity is not Severity.NOTE}
    assert named_paths(outcome) == {}
    assert name in {info.name for info in world.store.list_objects()}
    assert find_unreadable(world) == {}
    return outcome


def forge_snapshot(world: World, record: SnapshotRecord, *, member: bytes, key: Ed25519PrivateKey) -> str:
    """Put a record like ``record`` under a new name."""
    snapshot, session = SnapshotId(random_id()), SessionId(random_id())
    content = build_snapshot(
        vault_id=world.created.vault_id,
        domain=record.domain,
        snapshot=snapshot,
        session=session,
        member=MemberId(member),
        catalog_key=world.created.credentials.catalog(record.domain).current,
        catalog=record.catalog,
        private_segment=record.private_segment,
        signing_key=key,
    )
    name = snapshot_name(MemberId(member), snapshot, session)
    world.store.put_if_absent(name, content)
    return name


def test_a_snapshot_by_a_stranger_is_foreign(world: World) -> None:
    name = forge_snapshot(world, world.records()[0], member=random_id(8), key=Ed25519PrivateKey.generate())

    assert_shown_and_left(world, name)


def test_a_snapshot_in_a_members_name_without_its_key_is_foreign(world: World) -> None:
    record = world.records()[0]
    name = forge_snapshot(world, record, member=record.member, key=Ed25519PrivateKey.generate())

    assert_shown_and_left(world, name)


def test_a_snapshot_whose_signature_was_changed_and_whose_sum_was_mended_is_lost_and_said_to_be(world: World) -> None:
    record = world.records()[1]
    content = bytearray(world.store.read(record.name)[:-32])
    content[-SIGNATURE_SIZE] ^= 1
    rewrite_object(world.store, record.name, with_sum(bytes(content)))

    outcome = world.verify()

    assert not outcome.ok
    assert record.name in {damaged.name for damaged in outcome.damage}
    assert set(find_unreadable(world)) == {record.snapshot}
    assert set(named_paths(outcome)) <= {record.snapshot}


def test_a_list_signed_by_nobody_we_know_is_foreign(world: World) -> None:
    domain = world.created.roster.domains[0].id
    credentials = world.created.credentials
    content = build_index_list(
        [],
        vault_id=world.created.vault_id,
        domain=domain,
        catalog_key=credentials.catalog(domain).current,
        member=MemberId(random_id(8)),
        signing_key=Ed25519PrivateKey.generate(),
    )
    name = index_name(domain, content)
    world.store.put_if_absent(name, content)

    assert_shown_and_left(world, name)


def test_a_list_that_replaces_ours_and_is_signed_with_a_false_key_is_foreign(world: World) -> None:
    domain = world.created.roster.domains[0].id
    credentials = world.created.credentials
    content = build_index_list(
        [],
        vault_id=world.created.vault_id,
        domain=domain,
        catalog_key=credentials.catalog(domain).current,
        member=credentials.member,
        signing_key=Ed25519PrivateKey.generate(),
        replaces=world.names(ObjectClass.INDEX),
    )
    name = index_name(domain, content)
    world.store.put_if_absent(name, content)

    assert_shown_and_left(world, name)


def test_a_list_in_which_a_writer_speaks_for_another_is_foreign(world: World) -> None:
    """Else a stolen writer's segments would pass for those of a member that is trusted."""
    vault = world.owner()
    domain = world.created.roster.domains[0].id
    opened = open_vault(world.store, recovery_key_secret(world.created.recovery_key))
    issued = issue_writer(
        world.store, opened.require_keyring(), opened.roster, label="web", clock=world.clock, share_domain=domain
    )
    writer = open_vault(world.store, secret_from_file(issued.content)).credentials
    pack = world.packs()[0]
    rows = [msgspec.structs.replace(row, member=vault.credentials.member) for row in pack.rows]
    content = build_index_list(
        [(pack.pack_hash, pack.size, rows, pack.tables)],
        vault_id=world.created.vault_id,
        domain=domain,
        catalog_key=writer.catalog(domain).current,
        member=writer.member,
        signing_key=writer.signing_key,
    )
    name = index_name(domain, content)
    world.store.put_if_absent(name, content)

    outcome = world.verify(vault=world.owner(), repair=True)

    assert [finding.code for finding in outcome.findings if finding.subject == name] == ["foreign-object"]
    assert find_unreadable(world) == {}


def test_a_pack_of_another_vault_is_foreign(world: World, stranger: World) -> None:
    name = stranger.names(ObjectClass.PACK)[0]
    world.store.put_if_absent(name, stranger.store.read(name))

    assert_shown_and_left(world, name)


def test_rubbish_that_is_named_like_a_pack_is_foreign(world: World) -> None:
    content = random_id(5000)
    name = pack_name(hash_of(content))
    world.store.put_if_absent(name, content)

    assert_shown_and_left(world, name)
    assert not world.names(ObjectClass.MARK)[2:]  # not even a mark is put for it


@pytest.mark.parametrize("folder", ["index", "references"])
def test_rubbish_and_objects_of_another_vault_in_every_folder_are_told(
    world: World, stranger: World, folder: str
) -> None:
    domain = world.created.roster.domains[0].id.hex()
    rubbish = put_forged(world.store, f"{folder}/{domain}", random_id(300))
    kind = ObjectClass.INDEX if folder == "index" else ObjectClass.REFERENCES
    theirs = put_forged(world.store, f"{folder}/{domain}", stranger.store.read(stranger.names(kind)[0]))

    outcome = world.verify(repair=True)

    foreign = {finding.subject for finding in outcome.findings if finding.code == "foreign-object"}
    assert {rubbish, theirs} == foreign
    assert outcome.repair is not None
    assert not outcome.repair.changed_anything
    assert find_unreadable(world) == {}


@pytest.mark.parametrize(
    "kind",
    [
        ObjectClass.SNAPSHOT,
        ObjectClass.SESSION,
        ObjectClass.MARK,
        ObjectClass.CLAIM,
        ObjectClass.RUN,
        ObjectClass.HOLD,
        ObjectClass.SLOT,
        ObjectClass.ROSTER,
        ObjectClass.KEYRING,
    ],
)
def test_records_of_another_vault_are_told_whatever_their_kind(
    world: World, stranger: World, kind: ObjectClass
) -> None:
    name = stranger.names(kind)[0]
    content = stranger.store.read(name)
    if kind in {ObjectClass.RUN, ObjectClass.ROSTER, ObjectClass.KEYRING}:
        last = len(world.names(kind))
        name = f"{name.rsplit('/', 1)[0]}/{last + 1}"
    world.store.put_if_absent(name, content)

    outcome = world.verify(repair=True)

    assert name in {finding.subject for finding in outcome.findings}
    assert find_unreadable(world) == {}


def test_a_planted_slot_is_shown_and_opens_nothing(world: World) -> None:

    credentials = world.created.credentials
    slot = make_slot(
        world.created.vault_id,
        credentials.owner_verify_key,
        passphrase_secret("mine"),
        now_ms=world.clock.now_ms(),
        label="thief",
    )
    world.store.put_if_absent(slot.name, slot.content)

    assert_shown_and_left(world, slot.name, is_ok=True)


def test_an_object_with_a_name_that_nobody_gives_is_kept_and_told(world: World) -> None:
    for name in ("packs/odd", "notes.txt", "snapshots/README", "future/thing"):
        world.store.put_if_absent(name, b"what is this?")

    outcome = world.verify(read_data_percent=100, repair=True)

    assert outcome.ok
    told = {finding.subject for finding in outcome.findings if finding.code == "unknown-object"}
    assert told == {"packs/odd", "notes.txt", "snapshots/README", "future/thing"}
    assert told <= {info.name for info in world.store.list_objects()}


def test_references_that_leave_out_what_the_tree_needs_are_found(world: World) -> None:
    """A faulty program could make them; a prune would believe them."""
    record = world.records()[-1]
    pack = max(world.packs(), key=lambda pack: pack.size)
    wanted = [(row.session, row.number) for each in world.packs() for row in each.rows]
    left_out = next((row.session, row.number) for row in pack.rows if row.kind == SegmentKind.DATA)
    uses: dict[SessionId, dict[int, int]] = {}
    for session, number in wanted:
        if (session, number) != left_out:
            uses.setdefault(SessionId(session), {})[number] = 255
    catalog = msgspec.structs.replace(
        record.catalog, references_name="", references=encode_references(build_references(uses))
    )
    content = build_snapshot(
        vault_id=world.created.vault_id,
        domain=record.domain,
        snapshot=record.snapshot,
        session=record.session,
        member=record.member,
        catalog_key=world.created.credentials.catalog(record.domain).current,
        catalog=catalog,
        private_segment=record.private_segment,
        signing_key=world.created.credentials.signing_key,
    )
    rewrite_object(world.store, record.name, content)

    outcome = world.verify()

    assert "references-incomplete" in {finding.code for finding in outcome.findings}
    assert not outcome.ok


def test_a_journal_in_another_members_folder_is_foreign(world: World) -> None:
    credentials = world.created.credentials
    journal = SessionJournal(world.store, credentials, SnapshotId(random_id()), SessionId(random_id()), world.clock)
    journal.open("here", "backup")
    name = next(each for each in world.names(ObjectClass.SESSION) if each.endswith("/000000"))
    other = ObjectName(name.replace(credentials.member.hex(), "0" * 16))
    world.store.put_if_absent(other, world.store.read(name))

    assert_shown_and_left(world, other)
