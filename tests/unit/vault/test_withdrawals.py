"""What lies beside a commit record: a keeper's tombstone ends it, a writer's withdrawal hides it (§7.3)."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rebond.errors import VaultError
from rebond.findings import Finding
from rebond.identifiers import MemberId, ObjectName, VaultId, random_id
from rebond.operations.restore import restore
from rebond.operations.restore_planning import RestoreRequest
from rebond.operations.snapshots import resolve_withdrawn
from rebond.operations.verify import verify
from rebond.progress import Silence
from rebond.store.forwarding import ForwardingStore
from rebond.store.memory import MemoryStore
from rebond.store.protocol import StoreTraits
from rebond.testing.manual_clock import ManualClock
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import make_vault, open_made, save
from rebond.vault.access import Vault
from rebond.vault.auditing import audit_objects, read_audit_context
from rebond.vault.commits import read_snapshots
from rebond.vault.committing import CommitRequest
from rebond.vault.endings import WITHDRAWAL_MS, WithdrawalBody, put_tombstone, put_withdrawal
from rebond.vault.frames import LEVELS
from rebond.vault.headers import ObjectKind
from rebond.vault.member_records import build_signed
from rebond.vault.needs import Needs, add_needs, list_records
from rebond.vault.primitives import signing_key
from rebond.vault.pruning import prune
from rebond.vault.snapshots import WITHDRAWN_SUFFIX, SnapshotRecord, build_void, snapshot_name
from rebond.vault.writing import SnapshotSession


class TimeRuleStore(ForwardingStore):
    """A store whose puts are not atomic."""

    @property
    def traits(self) -> StoreTraits:
        return StoreTraits(conditional_create=False)


@dataclass
class Place:
    """A vault with one snapshot, made under the time rule or not, and what was reported."""

    vault: Vault
    clock: ManualClock
    record: SnapshotRecord
    heard: list[Finding] = field(default_factory=list)

    @property
    def first(self) -> ObjectName:
        return ObjectName(self.record.name + WITHDRAWN_SUFFIX)

    def put(self, content: bytes, name: str | None = None) -> None:
        self.vault.store.put_if_absent(name or self.first, content)

    def build(self, *, name: str | None = None, vault_id: VaultId | None = None) -> bytes:
        """Return a withdrawal that the writer signed."""
        credentials = self.vault.credentials
        return build_signed(
            ObjectKind.WITHDRAWAL,
            ObjectName(name or self.first),
            vault_id or self.vault.vault_id,
            credentials.member,
            credentials.signing_key,
            WithdrawalBody(time_ms=1),
        )

    def listed(self) -> list[str]:
        self.heard.clear()
        return [record.name for record in read_snapshots(self.vault)]

    def codes(self) -> set[str]:
        return {finding.code for finding in self.heard}

    def needs(self) -> Needs:
        needs = Needs()
        add_needs(self.vault, needs, list_records(self.vault))
        return needs

    def audited(self) -> set[str]:
        """Return the codes of what anybody finds without a key."""
        context, _ = read_audit_context(self.vault.store)
        return {found.code for audited in audit_objects(self.vault.store, context) for found in audited.findings}


@pytest.fixture
def tree() -> MemoryTree:
    tree = MemoryTree()
    tree.write("file", b"content")
    return tree


def make_place(tmp_path: Path, tree: MemoryTree, *, is_under_time_rule: bool) -> Place:
    clock = ManualClock()
    inner = MemoryStore(clock)
    created = make_vault(inner, clock)
    store = TimeRuleStore(inner) if is_under_time_rule else inner
    heard: list[Finding] = []
    vault = open_made(created, store, clock, tmp_path, report=heard.append)
    return Place(vault, clock, save(vault, tree).record, heard)


@pytest.fixture
def place(tmp_path: Path, tree: MemoryTree) -> Place:
    """Where puts are not atomic, so that a writer may have to take its record back."""
    return make_place(tmp_path, tree, is_under_time_rule=True)


@pytest.fixture
def sound(tmp_path: Path, tree: MemoryTree) -> Place:
    """Where puts are atomic."""
    return make_place(tmp_path, tree, is_under_time_rule=False)


def test_a_tombstone_ends_a_record_and_frees_what_it_needs(sound: Place) -> None:
    put_tombstone(sound.vault, sound.record.name, random_id())

    assert sound.listed() == []
    assert list_records(sound.vault).tombstones == {sound.record.name}
    assert not len(sound.needs().segments)
    assert not sound.heard
    assert not sound.audited()


def test_a_tombstone_is_put_once(sound: Place) -> None:
    put_tombstone(sound.vault, sound.record.name, random_id())
    put_tombstone(sound.vault, sound.record.name, random_id())

    assert len(list(sound.vault.store.list_objects(sound.first))) == 1


def test_a_writers_withdrawal_hides_a_record_and_destroys_nothing(place: Place) -> None:
    put_withdrawal(place.vault, place.record.name, "a test")

    assert place.listed() == []
    assert not list_records(place.vault).tombstones
    assert len(place.needs().segments)
    assert place.codes() == {"snapshot-withdrawn"}
    assert not place.audited()


def test_what_a_stolen_key_hid_is_named_and_restored_by_its_id(place: Place, tmp_path: Path) -> None:
    """The boundary of the time rule: a thief takes a snapshot of the last day off the lists, and no further."""
    put_withdrawal(place.vault, place.record.name, "a thief")
    start = place.record.snapshot.hex()[:12]

    assert place.listed() == []
    assert [finding.values["id"] for finding in place.heard] == [start]
    assert resolve_withdrawn(place.vault, start) == place.record
    assert resolve_withdrawn(place.vault, "latest") is None
    prune(place.vault, Silence())
    found = resolve_withdrawn(place.vault, start)
    assert found is not None
    restore(place.vault, found, RestoreRequest(target=os.fsencode(tmp_path / "back")), Silence())
    assert [path.read_bytes() for path in (tmp_path / "back").rglob("file")] == [b"content"]


def test_what_only_a_withdrawn_record_needs_may_be_gone(place: Place) -> None:
    """Otherwise one writer that withdrew because a pack had gone stops every prune for ever."""
    assert len(place.needs().required)

    put_withdrawal(place.vault, place.record.name, "a test")

    assert len(place.needs().segments)
    assert not len(place.needs().required)


def test_a_stolen_key_withdraws_nothing_where_puts_are_atomic(sound: Place) -> None:
    put_withdrawal(sound.vault, sound.record.name, "a thief")

    assert sound.listed() == [sound.record.name]
    assert sound.codes() == {"withdrawal-stray"}
    assert len(sound.needs().required)
    outcome = verify(sound.vault)
    assert not outcome.ok
    assert "withdrawal-stray" in {finding.code for finding in outcome.findings}


@pytest.mark.parametrize(("later_ms", "is_hidden"), [(0, True), (1, False)])
def test_a_stolen_key_withdraws_no_old_record(place: Place, later_ms: int, is_hidden: bool) -> None:
    place.clock.advance((WITHDRAWAL_MS + place.record.store_time_ms - place.clock.now_ms() + later_ms) / 1000)
    put_withdrawal(place.vault, place.record.name, "a thief")

    assert place.listed() == ([] if is_hidden else [place.record.name])
    assert place.codes() == ({"snapshot-withdrawn"} if is_hidden else {"withdrawal-stray"})


@pytest.mark.parametrize("content", [bytes(8), b"", b"any other bytes" * 20, b"RBND" + bytes(200), bytes(1 << 17)])
def test_what_nobody_signed_ends_nothing_and_is_foreign(place: Place, content: bytes) -> None:
    place.put(content)

    assert place.listed() == [place.record.name]
    assert place.codes() == {"foreign-object"}
    assert len(place.needs().required)
    assert place.audited() == {"foreign-object"}


def test_a_withdrawal_by_another_ends_nothing(place: Place) -> None:
    thief = signing_key(bytes(32))
    body = WithdrawalBody(time_ms=1)
    member, vault_id = place.vault.credentials.member, place.vault.vault_id
    place.put(build_signed(ObjectKind.WITHDRAWAL, place.first, vault_id, member, thief, body))
    other = ObjectName(f"{place.first}.{'1' * 32}")
    stranger = MemberId(b"stranger")
    place.put(build_signed(ObjectKind.WITHDRAWAL, other, vault_id, stranger, thief, body), other)

    assert place.listed() == [place.record.name]
    assert place.codes() == {"foreign-object"}
    assert len(place.heard) == 2
    assert place.audited() == {"foreign-object"}


def test_a_withdrawal_of_another_record_or_vault_ends_nothing(place: Place, tree: MemoryTree) -> None:
    tree.write("file", b"other content")
    second = save(place.vault, tree).record
    place.put(place.build(name=second.name + WITHDRAWN_SUFFIX))
    place.put(place.build(name=f"{place.first}.{'2' * 32}", vault_id=VaultId(bytes(16))), f"{place.first}.{'2' * 32}")

    assert set(place.listed()) == {place.record.name, second.name}
    assert len(place.heard) == 2


def test_a_spoilt_ending_ends_nothing_and_is_damage(place: Place) -> None:
    content = bytearray(place.build())
    content[60] ^= 1
    place.put(bytes(content))

    assert place.listed() == [place.record.name]
    assert place.audited() == {"object-damaged"}


@pytest.mark.parametrize("is_signed", [False, True])
def test_a_withdrawal_does_not_keep_a_tombstone_away(place: Place, is_signed: bool) -> None:
    """A record forgotten after its writer withdrew it could be put again, and would then be needed and not there."""
    place.put(place.build() if is_signed else bytes(8))
    put_tombstone(place.vault, place.record.name, random_id())

    assert list_records(place.vault).tombstones == {place.record.name}
    assert place.listed() == []
    assert not len(place.needs().segments)


def test_what_lies_in_its_way_does_not_keep_a_withdrawal_away(place: Place) -> None:
    place.put(b"put by a thief")
    put_withdrawal(place.vault, place.record.name, "a test")

    assert place.listed() == []


def test_a_tombstone_of_one_record_does_not_end_another(sound: Place, tree: MemoryTree) -> None:
    tree.write("file", b"other content")
    second = save(sound.vault, tree).record
    credentials = sound.vault.credentials
    moved = build_void(
        vault_id=sound.vault.vault_id,
        run=random_id(),
        keeper=credentials.member,
        name=ObjectName(second.name + WITHDRAWN_SUFFIX),
        signing_key=credentials.signing_key,
    )
    sound.put(moved)

    assert set(sound.listed()) == {sound.record.name, second.name}


def test_a_put_that_comes_after_its_record_was_forgotten_is_no_success(sound: Place, tree: MemoryTree) -> None:
    """The first put arrived unnoticed, the record was forgotten and deleted, and the writer repeats its put."""
    vault = sound.vault
    session = SnapshotSession(vault, level=LEVELS["fast"], host="h", stack="s", observer=Silence())
    with session:
        saved = session.save_tree("files", "files", b"/", tree)
        name = ObjectName(snapshot_name(vault.credentials.member, session.snapshot, session.session))
        vault.store.put_if_absent(name + WITHDRAWN_SUFFIX, b"in its way")
        put_tombstone(vault, name, random_id())
        with pytest.raises(VaultError):
            session.commit(CommitRequest(time_ms=1), [saved])


def test_what_a_thief_puts_beside_a_new_record_does_not_fail_the_backup(sound: Place, tree: MemoryTree) -> None:
    vault = sound.vault
    session = SnapshotSession(vault, level=LEVELS["fast"], host="h", stack="s", observer=Silence())
    with session:
        saved = session.save_tree("files", "files", b"/", tree)
        name = ObjectName(snapshot_name(vault.credentials.member, session.snapshot, session.session))
        vault.store.put_if_absent(name + WITHDRAWN_SUFFIX, bytes(8))
        record = session.commit(CommitRequest(time_ms=1), [saved])

    assert record.name in sound.listed()
