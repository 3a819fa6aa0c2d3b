"""What each key can check, and what no key is needed for."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.scenarios.verified_vault import World, build_world, find_unreadable

from rebond.errors import RoleTooSmall, UsageError
from rebond.findings import Severity
from rebond.operations.backup import BackupRequest, ComponentToSave, back_up
from rebond.operations.verify import VerifyLevel, VerifyOutcome, verify_without_key
from rebond.progress import Silence
from rebond.store.forwarding import ForwardingStore
from rebond.testing.damage import flip_byte, truncate_object
from rebond.vault.access import Vault
from rebond.vault.frames import LEVELS
from rebond.vault.members import issue_keeper, issue_writer, revoke_member
from rebond.vault.object_names import ObjectClass
from rebond.vault.opening import open_vault, secret_from_file
from rebond.vault.slots import recovery_key_secret


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_world(tmp_path_factory.mktemp("pristine"))


@pytest.fixture
def world(pristine: World, tmp_path: Path) -> World:
    return pristine.copy(tmp_path)


def codes(outcome: VerifyOutcome) -> set[str]:
    return {finding.code for finding in outcome.findings}


def as_member(world: World, file: bytes) -> Vault:
    opened = open_vault(world.store, secret_from_file(file))
    return replace(world.vault(credentials=opened.credentials), roster=opened.roster)


def as_keeper(world: World) -> Vault:
    owner = open_vault(world.store, recovery_key_secret(world.created.recovery_key))
    issued = issue_keeper(world.store, owner.require_keyring(), owner.roster, label="keeper", clock=world.clock)
    return as_member(world, issued.content)


class Counting(ForwardingStore):
    """Remembers which objects were read whole."""

    def __init__(self, world: World) -> None:
        super().__init__(world.store)
        self.whole: list[str] = []

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        if length is None:
            self.whole.append(name)
        return self.inner.read(name, start=start, length=length)


def test_plain_verify_reads_no_pack_whole(world: World) -> None:
    store = Counting(world)

    outcome = world.verify(vault=world.vault(store=store))

    assert outcome.ok
    assert outcome.level is VerifyLevel.CONTENT
    assert outcome.read_packs == 0
    assert not [name for name in store.whole if name.startswith("packs/")]


def lose_a_pack(world: World) -> str:
    name = world.names(ObjectClass.PACK)[0]
    world.store.delete(name)
    return name


def cut_a_pack(world: World) -> str:
    name = world.names(ObjectClass.PACK)[0]
    truncate_object(world.store, name, 1000)
    return name


def flip_a_tail(world: World) -> str:
    name = world.names(ObjectClass.PACK)[0]
    flip_byte(world.store, name, -40)
    return name


def spoil_references(world: World) -> str:
    name = world.names(ObjectClass.REFERENCES)[0]
    flip_byte(world.store, name, -1)
    return name


def spoil_a_list(world: World) -> str:
    name = world.names(ObjectClass.INDEX)[0]
    flip_byte(world.store, name, -1)
    return name


def spoil_a_snapshot(world: World) -> str:
    name = world.names(ObjectClass.SNAPSHOT)[0]
    flip_byte(world.store, name, 300)
    return name


@pytest.mark.parametrize(
    "spoil", [lose_a_pack, cut_a_pack, flip_a_tail, spoil_references, spoil_a_list, spoil_a_snapshot]
)
@pytest.mark.parametrize("role", ["owner", "keeper"])
def test_damage_of_the_structure_is_found_without_reading_data(world: World, spoil: object, role: str) -> None:
    vault = world.vault() if role == "owner" else as_keeper(world)
    assert callable(spoil)
    name = spoil(world)

    outcome = world.verify(vault=vault)

    assert not outcome.ok
    assert name in {damaged.name for damaged in outcome.damage}


@pytest.mark.parametrize(
    ("kind", "mended"),
    [
        (ObjectClass.PACK, True),
        (ObjectClass.INDEX, True),
        (ObjectClass.SNAPSHOT, False),
        (ObjectClass.REFERENCES, False),
        (ObjectClass.SLOT, True),
        (ObjectClass.KEYRING, True),
        (ObjectClass.ROSTER, True),
        (ObjectClass.SPARE, True),
        (ObjectClass.SESSION, False),
        (ObjectClass.PAPER, False),
    ],
)
def test_a_repair_is_proposed_for_what_it_mends_and_for_nothing_else(
    world: World, kind: ObjectClass, mended: bool
) -> None:
    name = world.names(kind)[0]
    flip_byte(world.store, name, -1)

    outcome = world.verify(read_data_percent=100)

    hints = [finding.hint for finding in outcome.findings if finding.subject == name]
    assert hints
    assert all(hints)
    assert all(("--repair" in hint) is mended for hint in hints)


def test_a_keeper_names_the_snapshots_that_damage_reaches_and_no_paths(world: World) -> None:
    vault = as_keeper(world)
    name = world.names(ObjectClass.PACK)[0]
    snapshots = {record.snapshot for record in world.records()}
    flip_byte(world.store, name, 2000)

    outcome = world.verify(vault=vault, read_data_percent=100)

    assert outcome.level is VerifyLevel.PLACES
    (damaged,) = outcome.damage
    assert damaged.name == name
    assert damaged.snapshots
    assert set(damaged.snapshots) <= snapshots
    assert damaged.paths == ()


def test_a_keeper_names_lost_packs_in_new_lists_with_its_own_file_alone(world: World) -> None:
    vault = as_keeper(world)
    for name in world.names(ObjectClass.INDEX):
        world.store.delete(name)

    outcome = world.verify(vault=vault, repair=True)

    assert outcome.repair is not None
    assert set(outcome.repair.listed_packs) == set(world.names(ObjectClass.PACK))
    assert world.verify(vault=world.owner(), read_data_percent=100).findings == ()


def test_a_keeper_copies_what_is_good_in_a_damaged_pack(world: World) -> None:
    vault = as_keeper(world)
    name = world.names(ObjectClass.PACK)[0]
    flip_byte(world.store, name, 2000)

    outcome = world.verify(vault=vault, read_data_percent=100, repair=True)

    assert outcome.repair is not None
    assert outcome.repair.marked_packs == (name,)
    assert outcome.repair.copied_segments >= 1
    before = find_unreadable(world)
    world.store.delete(name)
    assert find_unreadable(world) == before  # all that was good of it lies elsewhere


def test_what_a_keeper_cannot_judge_is_left_for_the_owner(world: World) -> None:
    """Without list and hash only the owner can tell whether a chunk table is whole."""
    vault = as_keeper(world)
    name = world.names(ObjectClass.PACK)[0]
    flip_byte(world.store, name, 2000)
    for each in world.names(ObjectClass.INDEX):
        world.store.delete(each)

    by_keeper = world.verify(vault=vault, read_data_percent=100, repair=True).repair
    by_owner = world.verify(vault=world.owner(), repair=True).repair

    assert by_keeper is not None
    assert by_keeper.copied_segments == 0
    assert by_keeper.marked_packs == (name,)
    assert by_owner is not None
    assert by_owner.copied_segments >= 1


def test_a_writer_checks_what_its_credential_may_read_and_no_more(world: World) -> None:
    owner = open_vault(world.store, recovery_key_secret(world.created.recovery_key))
    domain = world.created.roster.domains[0].id
    issued = issue_writer(
        world.store, owner.require_keyring(), owner.roster, label="web", clock=world.clock, share_domain=domain
    )
    vault = as_member(world, issued.content)
    vault = replace(vault, store=Forbidding(world))

    assert world.verify(vault=vault).ok
    lose_a_pack(world)
    assert not world.verify(vault=vault).ok
    with pytest.raises(RoleTooSmall):
        world.verify(vault=vault, read_data_percent=100)
    with pytest.raises(RoleTooSmall):
        world.verify(vault=vault, repair=True)


class Forbidding(ForwardingStore):
    """Lets a writer read only what the format page allows it."""

    allowed = ("vault.json", "roster/", "trash/", "index/", "sessions/", "snapshots/", "references/", "streams/")

    def __init__(self, world: World) -> None:
        super().__init__(world.store)

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        assert name.startswith(self.allowed), name
        return self.inner.read(name, start=start, length=length)


def test_without_a_key_every_sum_and_name_is_checked(world: World) -> None:
    assert verify_without_key(world.store, read_data=True).ok
    for kind in (ObjectClass.PACK, ObjectClass.INDEX, ObjectClass.SNAPSHOT, ObjectClass.SESSION, ObjectClass.RUN):
        name = world.names(kind)[0]
        content = world.store.read(name)
        flip_byte(world.store, name, len(content) // 2)

        outcome = verify_without_key(world.store, read_data=True)

        assert outcome.level is VerifyLevel.SUMS
        assert {damaged.name for damaged in outcome.damage} == {name}
        world.store.delete(name)
        world.store.put_if_absent(name, content)


def test_without_a_key_and_without_its_description_a_vault_is_still_audited(world: World) -> None:
    world.store.delete("vault.json")
    name = world.names(ObjectClass.PACK)[0]
    flip_byte(world.store, name, 5000)

    outcome = verify_without_key(world.store, read_data=True)

    assert {damaged.name for damaged in outcome.damage} == {name, "vault.json"}


@pytest.mark.parametrize("words", [{"read_data_percent": 101}, {"shard": (2, 2)}, {"shard": (-1, 2)}])
def test_a_share_or_shard_that_cannot_be_is_refused(world: World, words: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        world.verify(**words)


def test_one_snapshot_is_checked_by_itself(world: World) -> None:
    records = world.records()
    newest_only = [pack for pack in world.packs() if any(row.session == records[-1].session for row in pack.rows)]
    assert len(newest_only) == 1
    flip_byte(world.store, f"packs/{newest_only[0].pack_hash.hex()[:2]}/{newest_only[0].pack_hash.hex()}", 3000)

    first = world.verify(snapshots=[records[0].snapshot], read_data_percent=100)
    last = world.verify(snapshots=[records[-1].snapshot], read_data_percent=100)

    assert first.ok
    assert first.read_packs == 1
    assert not last.ok


def test_the_late_record_of_a_revoked_member_is_listed_and_is_no_damage(world: World) -> None:
    owner = open_vault(world.store, recovery_key_secret(world.created.recovery_key))
    domain = world.created.roster.domains[0].id
    issued = issue_writer(
        world.store, owner.require_keyring(), owner.roster, label="web", clock=world.clock, share_domain=domain
    )
    writer = as_member(world, issued.content)
    owner = open_vault(world.store, recovery_key_secret(world.created.recovery_key))
    world.clock.advance(60)
    revoke_member(world.store, owner.require_keyring(), owner.roster, issued.member.id, clock=world.clock)
    world.clock.advance(60)
    _save_as(world, writer)

    outcome = world.verify(vault=world.owner(), repair=True)

    assert outcome.ok
    found = [finding for finding in outcome.findings if finding.code == "foreign-object"]
    assert {finding.severity for finding in found} == {Severity.WARNING}
    assert [finding for finding in found if finding.subject.startswith("snapshots/")]
    assert all(finding.subject in names(world) for finding in found)


def _save_as(world: World, vault: Vault) -> None:
    """Put a whole snapshot with a roster that still knows the member, as a thief would; ours says at its end that it
    does not count, and by then it lies there.
    """
    component = ComponentToSave(name="site", root=b"/site", open_tree=lambda _: world.tree)
    request = BackupRequest(components=(component,), stack="test", host="thief", level=LEVELS["fast"])
    with pytest.raises(RoleTooSmall, match="was put and does not count"):
        back_up(vault, request, Silence())


def names(world: World) -> Sequence[str]:
    return [info.name for info in world.store.list_objects()]


def test_a_check_that_nobody_can_write_down_tells_what_it_found(world: World, tmp_path: Path) -> None:
    """It read for hours; a state folder without room must not cost what it found."""
    damaged = world.names(ObjectClass.PACK)[0]
    flip_byte(world.store, damaged, 200)
    (tmp_path / "full").write_bytes(b"")

    outcome = world.verify(read_data_percent=100, state=tmp_path / "full")

    assert not outcome.ok
    assert {"pack-damaged", "verify-not-remembered"} <= codes(outcome)
    assert damaged in {each.name for each in outcome.damage}
    told = next(finding for finding in outcome.findings if finding.code == "verify-not-remembered")
    assert (told.severity, str(tmp_path / "full") in told.message) == (Severity.WARNING, True)
