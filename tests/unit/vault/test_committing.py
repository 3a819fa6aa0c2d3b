"""The commit: exactly one record at a name for ever, and success is said only of what stands."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.vault.written_vault import WrittenVault

from rebond.errors import ObjectExists, RoleTooSmall, SessionVoided, StoreUnreachable, VaultError
from rebond.operations.backup import ATTEMPTS
from rebond.operations.snapshots import list_snapshots
from rebond.store.forwarding import ForwardingStore
from rebond.store.protocol import StoreTraits
from rebond.testing.faulty_store import FaultyStore, unreachable
from rebond.testing.memory_tree import MemoryTree
from rebond.testing.vaults import Notebook, read_back, save
from rebond.vault.access import Vault
from rebond.vault.committing import TIME_RULE_SECONDS
from rebond.vault.endings import put_tombstone
from rebond.vault.marks import MarkBody, put_mark
from rebond.vault.members import IssuedMember, issue_writer, revoke_member
from rebond.vault.roster import Roster, load_newest_roster
from rebond.vault.sessions import list_sessions
from rebond.vault.snapshots import WITHDRAWN_SUFFIX, build_void


class MeddlingStore(ForwardingStore):
    """Calls ``before(name)`` ahead of each put of a snapshot, and ``after(name)`` behind it."""

    def __init__(
        self,
        inner: ForwardingStore | object,
        before: Callable[[str], None] = lambda _: None,
        after: Callable[[str], None] = lambda _: None,
        *,
        conditional_create: bool = True,
    ) -> None:
        super().__init__(inner)  # type: ignore[arg-type]
        self._before, self._after = before, after
        self._conditional_create = conditional_create

    @property
    def traits(self) -> StoreTraits:
        return StoreTraits(conditional_create=self._conditional_create)

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        is_commit = name.startswith("snapshots/") and not name.endswith(WITHDRAWN_SUFFIX)
        if is_commit:
            self._before(name)
        self.inner.put_if_absent(name, content)
        if is_commit:
            self._after(name)


@pytest.fixture
def place(tmp_path: Path) -> WrittenVault:
    return WrittenVault(tmp_path)


def put_void(place: WrittenVault, name: str) -> None:
    credentials = place.created.credentials
    void = build_void(
        vault_id=credentials.vault_id,
        run=bytes(16),
        keeper=credentials.member,
        name=name,  # type: ignore[arg-type]
        signing_key=credentials.signing_key,
    )
    place.store.put_if_absent(name, void)


@pytest.mark.parametrize("voids", [1, ATTEMPTS - 1])
def test_a_voided_session_is_begun_again_with_the_same_id_and_stores_nothing_twice(
    place: WrittenVault, voids: int
) -> None:
    tries: list[str] = []

    def meddle(name: str) -> None:
        tries.append(name)
        if len(tries) <= voids:
            put_void(place, name)

    vault = place.vault(store=MeddlingStore(place.store, meddle))

    outcome = save(vault, place.tree)

    assert len(tries) == voids + 1
    assert len({name.rpartition(".")[0] for name in tries}) == 1, "the same snapshot id"
    assert len(set(tries)) == voids + 1, "each time another session"
    assert outcome.stored_bytes == 0, "the packs of the voided session are used again"
    assert [r.name for r in list_snapshots(place.vault())] == [outcome.record.name]
    assert read_back(place.vault("another"), outcome.record) == place.tree.files


def test_a_session_that_is_voided_again_and_again_gives_up(place: WrittenVault) -> None:
    vault = place.vault(store=MeddlingStore(place.store, lambda name: put_void(place, name)))

    with pytest.raises(SessionVoided):
        save(vault, place.tree)

    assert list_snapshots(place.vault()) == []
    assert len(list_sessions(place.store)) == ATTEMPTS


def test_our_own_bytes_at_the_name_are_success(place: WrittenVault) -> None:
    def lose_the_answer(name: str) -> None:
        raise ObjectExists("There is one already (planned by a test).")

    vault = place.vault(store=MeddlingStore(place.store, after=lose_the_answer))

    outcome = save(vault, place.tree)

    assert [r.name for r in list_snapshots(place.vault())] == [outcome.record.name]


def test_anything_else_at_the_name_is_an_error(place: WrittenVault) -> None:
    vault = place.vault(store=MeddlingStore(place.store, lambda name: place.store.put_if_absent(name, b"foreign")))

    with pytest.raises(VaultError) as raised:
        save(vault, place.tree)

    assert not isinstance(raised.value, SessionVoided)
    assert list_snapshots(place.vault()) == []


def test_a_void_of_another_session_ends_nothing(place: WrittenVault) -> None:
    def replay(name: str) -> None:
        other = name[:-4] + ("0000" if not name.endswith("0000") else "1111")
        put_void(place, other)
        content = place.store.read(other)
        place.store.put_if_absent(name, content)

    vault = place.vault(store=MeddlingStore(place.store, replay))

    with pytest.raises(VaultError) as raised:
        save(vault, place.tree)
    assert not isinstance(raised.value, SessionVoided)


def test_a_put_whose_answer_is_lost_is_not_success_unless_it_can_be_seen(place: WrittenVault) -> None:
    store = FaultyStore(place.store)
    store.fail_when = lambda verb, name: unreachable() if verb == "put" and name.startswith("snapshots/") else None

    with pytest.raises(StoreUnreachable):
        save(place.vault(store=store), place.tree)

    assert list_snapshots(place.vault()) == []
    again = save(place.vault(), place.tree)
    assert again.stored_bytes == 0
    assert read_back(place.vault("another"), again.record) == place.tree.files


def test_a_record_that_was_forgotten_before_its_writer_knew_is_not_success(place: WrittenVault) -> None:
    """The put is repeated after a long sleep: meanwhile a keeper forgot its first attempt for good."""

    def forget(name: str) -> None:
        put_tombstone(place.vault(), name, bytes(16))  # type: ignore[arg-type]

    with pytest.raises(VaultError):
        save(place.vault(store=MeddlingStore(place.store, forget)), place.tree)

    assert list_snapshots(place.vault()) == []


def issued_writer(place: WrittenVault) -> IssuedMember:
    created = place.created
    return issue_writer(place.store, created.keyring, created.roster, label="web", clock=place.clock)


def test_a_snapshot_of_a_key_that_was_revoked_meanwhile_is_not_said_to_stand(place: WrittenVault) -> None:
    web = issued_writer(place)

    def revoke(_: str) -> None:
        revoke_member(place.store, web.keyring, web.roster, web.member.id, clock=place.clock)
        place.clock.advance(1)

    store = MeddlingStore(place.store, before=revoke)
    vault = Vault(
        store=store, credentials=web.credentials, roster=web.roster, caches=place.caches / "web", clock=place.clock
    )

    with pytest.raises(RoleTooSmall, match="does not count"):
        save(vault, place.tree)

    assert list_snapshots(replace(place.vault(), roster=newest_roster(place))) == []


def test_a_member_that_came_meanwhile_changes_nothing(place: WrittenVault) -> None:
    def issue(_: str) -> None:
        issued_writer(place)

    vault = place.vault(store=MeddlingStore(place.store, before=issue))

    outcome = save(vault, place.tree)

    assert newest_roster(place).number == 2
    assert [r.name for r in list_snapshots(place.vault())] == [outcome.record.name]


def newest_roster(place: WrittenVault) -> Roster:
    return load_newest_roster(place.store, place.created.credentials.owner_verify_key)


@pytest.mark.parametrize("prefix", ["packs/", "index/", "references/"])
def test_a_repeated_put_of_what_is_named_by_its_hash_meets_its_first_attempt(
    place: WrittenVault, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer may not read packs, so after a lost answer all that it hears is that something is there."""
    monkeypatch.setattr("rebond.vault.committing.EMBED_LIMIT", 0)
    met = []

    class Ambiguous(ForwardingStore):
        def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
            self.inner.put_if_absent(name, content)
            if name.startswith(prefix):
                met.append(name)
                raise ObjectExists("There is one already (planned by a test).")

    outcome = save(place.vault(store=Ambiguous(place.store)), place.tree)

    assert met
    assert read_back(place.vault("another"), outcome.record) == place.tree.files


class SlowTree(MemoryTree):
    """A tree whose walk takes a day or does something else on the way."""

    on_the_way: Callable[[], None] = staticmethod(lambda: None)

    def listings(self) -> Iterator:  # type: ignore[type-arg]
        yield from super().listings()
        self.on_the_way()


def slow(place: WrittenVault, on_the_way: Callable[[], None]) -> SlowTree:
    tree = SlowTree(place.tree.files, place.tree.versions)
    tree.on_the_way = on_the_way
    return tree


class TestWithoutConditionalCreate:
    """The time rule of section 12."""

    @pytest.fixture
    def store(self, place: WrittenVault) -> MeddlingStore:
        return MeddlingStore(place.store, conditional_create=False)

    def test_a_quiet_run_commits(self, place: WrittenVault, store: MeddlingStore) -> None:
        save(place.vault(store=store), place.tree)
        place.tree.write("more", b"more")
        save(place.vault(store=store), place.tree)

        assert len(list_snapshots(place.vault())) == 2

    def test_a_run_of_more_than_a_day_is_not_committed(self, place: WrittenVault, store: MeddlingStore) -> None:
        tree = slow(place, lambda: place.clock.advance(TIME_RULE_SECONDS + 1))

        with pytest.raises(VaultError):
            save(place.vault(store=store), tree)

        assert list_snapshots(place.vault()) == []

    def test_setting_the_wall_clock_changes_nothing(self, place: WrittenVault, store: MeddlingStore) -> None:
        save(place.vault(store=store), slow(place, lambda: place.clock.jump(3 * TIME_RULE_SECONDS)))

        assert len(list_snapshots(place.vault())) == 1

    def test_a_run_of_more_than_a_day_is_fine_where_create_is_conditional(self, place: WrittenVault) -> None:
        save(place.vault(), slow(place, lambda: place.clock.advance(TIME_RULE_SECONDS + 1)))

        assert len(list_snapshots(place.vault())) == 1

    def touch(self, place: WrittenVault) -> None:
        pack = next(iter(place.store.list_objects("packs/"))).name
        body = MarkBody(purpose="delete", time_ms=place.clock.now_ms(), names=[pack])
        put_mark(place.store, place.created.credentials, body)

    def test_a_mark_that_came_meanwhile_takes_the_snapshot_back(
        self, place: WrittenVault, store: MeddlingStore
    ) -> None:
        first = save(place.vault(store=store), place.tree)
        tree = slow(place, lambda: self.touch(place))

        with pytest.raises(VaultError):
            save(place.vault(store=store), tree)

        assert [r.name for r in list_snapshots(place.vault())] == [first.record.name]
        assert any(info.name.endswith(WITHDRAWN_SUFFIX) for info in place.store.list_objects("snapshots/"))
        third = save(place.vault(store=store), place.tree)
        assert third.record.catalog.parent == first.record.snapshot, "what was withdrawn is nobody's parent"

    def test_a_pack_that_vanished_meanwhile_takes_the_snapshot_back(
        self, place: WrittenVault, store: MeddlingStore
    ) -> None:
        save(place.vault(store=store), place.tree)
        pack = next(iter(place.store.list_objects("packs/"))).name

        with pytest.raises(VaultError):
            save(place.vault(store=store), slow(place, lambda: place.store.delete(pack)))

        assert len(list_snapshots(place.vault())) == 1

    def test_a_pack_of_its_own_that_vanished_takes_the_snapshot_back(self, place: WrittenVault) -> None:
        def lose_packs(_: str) -> None:
            for info in list(place.store.list_objects("packs/")):
                place.store.delete(info.name)

        with pytest.raises(VaultError):
            save(place.vault(store=MeddlingStore(place.store, lose_packs, conditional_create=False)), place.tree)

        assert list_snapshots(place.vault()) == []

    def test_a_mark_that_was_there_before_takes_nothing_back(self, place: WrittenVault, store: MeddlingStore) -> None:
        save(place.vault(store=store), place.tree)
        self.touch(place)

        outcome = save(place.vault(store=store), place.tree)

        assert read_back(place.vault("another"), outcome.record) == place.tree.files


def test_a_snapshot_stands_even_when_its_caches_cannot_be_kept(
    place: WrittenVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rebond.vault.local_cache.LocalCache.save", fail)
    notebook = Notebook()

    outcome = save(place.vault(), place.tree, observer=notebook)

    assert [r.name for r in list_snapshots(place.vault("another"))] == [outcome.record.name]
    assert "cache-lost" in [finding.code for finding in notebook.findings]
    assert not outcome.is_doubtful


def test_a_snapshot_stands_even_when_its_journal_cannot_be_closed(place: WrittenVault) -> None:
    store = FaultyStore(place.store)
    committed = []

    def fail(verb: str, name: str) -> StoreUnreachable | None:
        if verb == "put" and name.startswith("snapshots/"):
            committed.append(name)
        return unreachable() if committed and verb == "put" and name.startswith("sessions/") else None

    store.fail_when = fail
    notebook = Notebook()

    outcome = save(place.vault(store=store), place.tree, observer=notebook)

    assert [r.name for r in list_snapshots(place.vault())] == [outcome.record.name]
    assert "journal-open" in [finding.code for finding in notebook.findings]


@pytest.mark.parametrize("prefix", ["index/", "packs/", "snapshots/"])
def test_a_session_that_cannot_even_begin_leaves_no_heartbeat(place: WrittenVault, prefix: str) -> None:
    store = FaultyStore(place.store)
    store.fail_when = lambda verb, name: unreachable() if verb == "list" and name.startswith(prefix) else None
    before = threading.active_count()

    with pytest.raises(StoreUnreachable):
        save(place.vault(store=store), place.tree)

    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat"]
    assert threading.active_count() <= before


def test_sequences_rise_also_after_many_voided_sessions(place: WrittenVault) -> None:
    first = save(place.vault(), place.tree)
    for number in range(20):
        place.clock.advance(1)
        name = first.record.name.rpartition(".")[0] + f".{number:032x}"
        put_void(place, name)
    place.clock.advance(1)

    second = save(place.vault(), place.tree)

    assert second.record.catalog.sequence == 2
    assert second.record.catalog.previous == first.record.content_hash
