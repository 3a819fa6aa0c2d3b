"""Pruning real vaults in memory: what goes, what stays, what stops it."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.vault.kept_vault import DAY, KeptVault
from tests.unit.vault.small_segments import save_small

from rebond.errors import AccessDenied, ObjectMissing, RebondError, RoleTooSmall, StoreFull, VaultDamaged
from rebond.findings import Finding
from rebond.identifiers import DomainId, SessionId, SnapshotId, random_id
from rebond.store.forwarding import ForwardingStore
from rebond.store.local import LocalStore
from rebond.testing.faulty_store import FaultyStore
from rebond.vault.index_census import read_whole_list, take_census
from rebond.vault.list_putting import put_lists
from rebond.vault.marks import ClaimBody, MarkBody, claim_mark, put_mark, read_marks
from rebond.vault.packs import SegmentRow, hash_in_name, pack_name
from rebond.vault.prune_plan import PruneOptions
from rebond.vault.pruning import plan_prune
from rebond.vault.runs import find_newest_census
from rebond.vault.sessions import SessionJournal
from rebond.vault.snapshots import snapshot_name


@pytest.fixture
def kept(tmp_path: Path) -> KeptVault:
    return KeptVault(tmp_path)


@pytest.fixture
def worn(kept: KeptVault) -> KeptVault:
    """Three snapshots; the second is in the trash, and half of its content is in the others too."""
    kept.write("stays")
    kept.save()
    kept.write("goes")
    second = kept.save()
    kept.tree.remove("goes")
    kept.write("comes")
    kept.save()
    kept.forget(second)
    return kept


def open_session(kept: KeptVault) -> tuple[SessionJournal, str]:
    snapshot, session = SnapshotId(random_id()), SessionId(random_id())
    journal = SessionJournal(kept.store, kept.vault.credentials, snapshot, session, kept.clock)
    journal.open("here", "backup")
    return journal, snapshot_name(kept.vault.credentials.member, snapshot, session)


def test_a_plan_says_what_goes_and_changes_nothing(worn: KeptVault) -> None:
    before = worn.names()

    plan = plan_prune(worn.vault)

    assert worn.names() == before
    assert [record.name for record in worn.in_trash()] == list(plan.records)
    assert plan.freed_bytes > 15_000
    assert not plan.is_empty


def test_a_prune_frees_what_only_forgotten_snapshots_needed(worn: KeptVault) -> None:
    before = worn.stored_bytes()

    outcome = worn.prune()

    assert worn.in_trash() == []
    assert len(outcome.records) == 1
    assert before - worn.stored_bytes() == outcome.freed_bytes > 15_000
    worn.check_whole()
    assert worn.names("trash/") == {name for name in worn.names("trash/") if name.endswith(".claim")}


def test_a_second_prune_finds_nothing_to_do(worn: KeptVault) -> None:
    worn.prune()

    plan = plan_prune(worn.vault)

    assert plan.is_empty, plan
    worn.check_whole()


def test_the_next_backup_after_a_prune_is_whole_and_finds_what_stayed(worn: KeptVault) -> None:
    worn.prune()
    before = worn.stored_bytes()

    worn.write("new", 1000)
    worn.save()

    assert worn.stored_bytes() - before < 15_000
    worn.check_whole()


def test_a_prune_without_any_index_reads_the_ends_of_packs(worn: KeptVault) -> None:
    for name in worn.names("index/"):
        worn.store.delete(name)

    outcome = worn.prune()

    assert any(name.startswith("packs/") for name in outcome.deleted) or outcome.plan.packs == ()
    worn.check_whole(worn.open(worn.store, "other"))


def test_index_lists_that_name_a_pack_that_went_are_rewritten(kept: KeptVault) -> None:
    for number in range(3):
        kept.write(f"only{number}")
        last = kept.save()
        kept.tree.remove(f"only{number}")
    kept.write("end")
    kept.save()
    kept.forget(*[record for record in kept.listed() if record.name == last.name])
    lists = kept.names("index/")

    outcome = kept.prune()

    assert outcome.deleted
    assert kept.names("index/") != lists
    fresh = kept.open(kept.store, "fresh")
    kept.check_whole(fresh)


def test_packs_that_are_mostly_dead_are_copied_and_nothing_is_lost(kept: KeptVault) -> None:
    for number in range(40):
        kept.write(f"file{number:02}", 3000)
    first = kept.save()
    for number in range(30):
        kept.tree.remove(f"file{number:02}")
    kept.save()
    before = kept.stored_bytes()
    kept.forget(first)

    outcome = kept.prune()

    assert kept.stored_bytes() < before * 0.75
    assert outcome.plan.left_packs == 0
    kept.check_whole()
    kept.check_whole(kept.open(kept.store, "fresh"))


def test_a_running_backup_keeps_its_packs_and_the_mark_waits_for_it(worn: KeptVault) -> None:
    _, record_name = open_session(worn)

    outcome = worn.prune()

    assert outcome.waiting_for == (record_name,)
    assert not any(name.startswith("packs/") for name in outcome.deleted)
    worn.check_whole()


def test_a_mark_that_waited_is_taken_up_when_the_session_has_ended(worn: KeptVault) -> None:
    journal, _ = open_session(worn)
    waited = worn.prune().marks
    journal.finish()

    outcome = worn.prune()

    assert set(waited) <= set(outcome.marks)
    assert any(name.startswith("packs/") for name in outcome.deleted)
    worn.check_whole()


def test_a_session_that_declared_the_mark_is_not_waited_for(worn: KeptVault) -> None:
    old, _ = open_session(worn)
    worn.prune()
    old.finish()
    young, _ = open_session(worn)
    young.declare_marks(read_marks(worn.store, worn.vault.vault_id, worn.vault.roster).mark_names)

    assert worn.prune().waiting_for == ()


def test_a_session_whose_journal_stood_still_for_an_hour_is_voided(worn: KeptVault) -> None:
    _, record_name = open_session(worn)
    worn.prune()
    worn.clock.advance(2 * 3600)

    outcome = worn.prune()

    assert outcome.voided == (record_name,)
    assert record_name in worn.names("snapshots/")
    assert any(name.startswith("packs/") for name in outcome.deleted)


def test_a_session_that_stood_still_for_a_week_ends_where_nothing_is_to_be_deleted_too(kept: KeptVault) -> None:
    """A backup that died before it stored anything would count as running for ever, and hold the log of a server."""
    kept.write("file", 10)
    kept.save()
    _, record_name = open_session(kept)
    kept.clock.advance(6 * DAY)
    assert kept.prune().voided == ()
    kept.clock.advance(DAY)

    assert kept.prune().voided == (record_name,)

    kept.prune()
    assert not [name for name in kept.names("sessions/") if record_name.rpartition("/")[2] in name]
    kept.check_whole()


def test_a_session_whose_journal_grows_is_left_alone(worn: KeptVault) -> None:
    journal, record_name = open_session(worn)
    worn.prune()
    worn.clock.advance(2 * 3600)
    journal.note_progress(["something"])

    assert worn.prune().waiting_for == (record_name,)


def test_a_prune_stops_when_a_record_that_it_knew_vanished(worn: KeptVault) -> None:
    worn.prune()
    worn.save()
    worn.prune()
    worn.store.delete(worn.listed()[0].name)
    before = worn.names()

    with pytest.raises(VaultDamaged, match="vanished"):
        worn.prune()
    assert worn.names() == before


def test_a_prune_stops_when_a_listing_hides_a_snapshot(worn: KeptVault) -> None:
    worn.prune()
    hidden = worn.listed()[0].name
    blind = FaultyStore(worn.store, hides=lambda name: name == hidden)

    with pytest.raises(VaultDamaged, match="vanished"):
        worn.prune(worn.open(blind))
    worn.check_whole()


def drop_a_pack(kept: KeptVault) -> None:
    for name in kept.names("packs/"):
        kept.store.delete(name)


def drop_references(kept: KeptVault) -> None:
    record = kept.listed()[-1]
    content = bytearray(kept.store.read(record.name))
    content[200] ^= 1
    kept.store.delete(record.name)
    kept.store.put_if_absent(record.name, bytes(content))


def plant_a_mark(kept: KeptVault) -> None:
    kept.store.put_if_absent("trash/" + "ab" * 16, b"not a mark")


@pytest.mark.parametrize("damage", [drop_a_pack, drop_references, plant_a_mark])
def test_a_prune_that_does_not_understand_everything_deletes_nothing(
    worn: KeptVault, damage: Callable[[KeptVault], None]
) -> None:
    damage(worn)
    before = worn.names()

    with pytest.raises(VaultDamaged, match="Nothing was deleted"):
        worn.prune()
    assert worn.names() == before


def test_a_listing_that_fails_is_never_an_empty_one(worn: KeptVault) -> None:
    before = worn.names()
    failing = FaultyStore(worn.store, listing_fails_after=1)

    with pytest.raises(Exception, match="does not answer"):
        worn.prune(worn.open(failing))
    assert worn.names() == before


def test_a_damage_mark_stays_and_its_pack_is_no_place(worn: KeptVault) -> None:
    pack = min(worn.names("packs/"))
    body = MarkBody(purpose="damage", time_ms=0, names=[pack])
    mark = put_mark(worn.store, worn.vault.credentials, body)

    worn.prune()

    assert mark in worn.names("trash/")
    assert plan_prune(worn.vault).taken_up == ()


def test_what_a_dead_keeper_marked_goes_under_a_new_mark_and_its_mark_stays(worn: KeptVault) -> None:
    names = sorted(worn.names("packs/"))
    mark = put_mark(worn.store, worn.vault.credentials, MarkBody(purpose="delete", time_ms=0, names=names))
    claim_mark(worn.store, worn.vault.credentials, mark, ClaimBody(run=random_id(), time_ms=0))
    worn.clock.advance(2 * 3600)

    outcome = worn.prune()

    assert outcome.deleted
    assert mark in worn.names("trash/")
    worn.check_whole()
    worn.write("after", 1000)
    worn.save()
    worn.check_whole()


def test_another_keepers_mark_is_left_to_him_while_he_works(worn: KeptVault) -> None:
    names = sorted(worn.names("packs/"))
    mark = put_mark(worn.store, worn.vault.credentials, MarkBody(purpose="delete", time_ms=0, names=names))
    claim_mark(worn.store, worn.vault.credentials, mark, ClaimBody(run=random_id(), time_ms=0))

    outcome = worn.prune()

    assert not any(name.startswith("packs/") for name in outcome.deleted)


def test_under_the_time_rule_a_mark_must_stand_for_a_week(worn: KeptVault) -> None:
    rule = PruneOptions(is_store_proven=False)

    first = worn.prune(options=rule)
    early = worn.prune(options=rule)
    worn.clock.advance(8 * DAY)
    late = worn.prune(options=rule)

    assert not any(name.startswith("packs/") for name in (*first.deleted, *early.deleted))
    assert any(name.startswith("packs/") for name in late.deleted)
    worn.check_whole()


def test_shards_share_the_work_and_leave_nothing(kept: KeptVault) -> None:
    for number in range(6):
        kept.write(f"file{number}", 10_000)
        kept.save()
        kept.tree.remove(f"file{number}")
    kept.write("end", 10)
    kept.save()
    kept.forget(*kept.listed()[:-1])

    for shard in range(3):
        kept.prune(options=PruneOptions(shard=(shard, 3), repacks=False))

    assert plan_prune(kept.vault, PruneOptions(repacks=False)).packs == ()
    kept.check_whole()


def test_journals_that_tell_nothing_are_cleared_and_done_is_kept(worn: KeptVault) -> None:
    worn.clock.advance(8 * DAY)

    outcome = worn.prune()

    assert outcome.journals > 0
    left = worn.names("sessions/")
    assert len(left) == len(worn.listed())
    old = worn.listed()[0]
    worn.save()
    worn.forget(old)
    worn.prune()
    assert not [name for name in worn.names() if old.name.removeprefix("snapshots/") in name]


def test_a_run_record_knows_every_commit_record(worn: KeptVault) -> None:
    worn.prune()

    census = find_newest_census(worn.vault)

    assert census is not None
    assert census.known_names == {record.name for record in worn.listed()}
    assert census.record.freed_bytes > 0


def test_a_writer_may_not_prune(worn: KeptVault, tmp_path: Path) -> None:
    writer = replace(worn.vault, credentials=replace(worn.vault.credentials, catalog_roots=()))

    with pytest.raises(RoleTooSmall):
        plan_prune(writer)


def test_a_withdrawal_by_a_writer_frees_nothing(kept: KeptVault) -> None:
    """A stolen writer's key can put ``….withdrawn`` beside any of its records; that must destroy nothing."""
    kept.write("precious")
    record = kept.save()
    kept.tree.remove("precious")
    kept.save()
    kept.store.put_if_absent(record.name + ".withdrawn", b"\0" * 8)

    kept.prune()
    kept.store.delete(record.name + ".withdrawn")

    kept.check_whole()
    assert len(kept.listed()) == 2


def test_a_snapshot_committed_while_a_prune_runs_is_whole(worn: KeptVault) -> None:
    """A backup runs to its end in the middle of the prune, before its mark is claimed."""
    other = worn.open(worn.store, "writer")

    class Interrupting(FaultyStore):
        has_saved = False

        def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
            if name.startswith("trash/") and name.endswith(".claim") and not self.has_saved:
                self.has_saved = True
                worn.write("meanwhile")
                worn.contents[save_small(other, worn.tree).name] = worn.tree.copy()
            super().put_if_absent(name, content)

    worn.prune(worn.open(Interrupting(worn.store)))

    assert len(worn.listed()) == 3
    worn.check_whole()


def test_a_lie_in_an_index_list_deletes_nothing(kept: KeptVault) -> None:
    """A list that says that another pack holds the same segments does not make the true pack superfluous."""
    kept.write("one")
    kept.save()
    kept.write("two")
    kept.save()
    census = take_census(kept.vault)
    true, liar = census.lists[0], census.lists[-1]
    rows = [row for pack in read_whole_list(kept.vault, true).catalog.packs for row in pack.rows]
    lie = [(liar.packs[0], census.size_of(liar.packs[0]), rows, [b"" for _ in rows])]
    put_lists(kept.vault, true.domain, lie)

    kept.prune()

    assert set(true.packs) <= set(take_census(kept.vault).contents)
    kept.check_whole(kept.open(kept.store, "fresh"))


class LyingWriter(ForwardingStore):
    """A store beside which a stolen writer's key says of every new pack that it holds what ``rows`` name."""

    def __init__(self, kept: KeptVault, domain: DomainId, rows: list[SegmentRow]) -> None:
        super().__init__(kept.store)
        self._liar = kept.open(kept.store, "liar")
        self._domain, self._rows = domain, rows
        self.lies = 0

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        super().put_if_absent(name, content)
        if name.startswith("packs/") and (pack_hash := hash_in_name(name)) is not None:
            self.lies += 1
            put_lists(self._liar, self._domain, [(pack_hash, len(content), self._rows, [b"" for _ in self._rows])])


def test_a_lie_about_a_pack_that_the_prune_has_just_made_deletes_nothing(kept: KeptVault) -> None:
    """What this process put there it knows; a list that names more of such a pack is only its maker's word."""
    kept.write("stays for ever")
    kept.save()
    (first,) = kept.names("index/")
    for number in range(40):
        kept.write(f"file{number:02}", 3000)
    worn = kept.save()
    for number in range(36):
        kept.tree.remove(f"file{number:02}")
    lists = kept.names("index/")
    kept.save()
    (last,) = kept.names("index/") - lists
    kept.forget(worn)
    census = take_census(kept.vault)
    true, liar = (next(each for each in census.lists if each.name == name) for name in (first, last))
    rows = [row for pack in read_whole_list(kept.vault, true).catalog.packs for row in pack.rows]
    other = liar.packs[0]
    put_lists(kept.vault, true.domain, [(other, census.size_of(other), rows, [b"" for _ in rows])])
    store = LyingWriter(kept, true.domain, rows)

    kept.prune(kept.open(store))

    assert store.lies, "packs were copied together"
    kept.check_whole(kept.open(kept.store, "fresh"))


def test_a_pack_that_another_prune_deletes_meanwhile_is_none_that_cannot_be_understood(worn: KeptVault) -> None:
    """A prune beside another ended with status 3 for it, and said nothing of why."""
    pack = pack_name(bytes(range(32)))
    worn.store.put_if_absent(pack, b"an upload that no list names yet")
    gone = FaultyStore(
        worn.store, fail_when=lambda verb, name: ObjectMissing("Gone.") if (verb, name) == ("read", pack) else None
    )

    assert plan_prune(replace(worn.vault, store=gone)).left_packs == 0
    assert plan_prune(worn.vault).left_packs == 1


def test_what_a_cut_trial_of_the_store_left_is_swept_after_a_day_and_the_canary_is_left(worn: KeptVault) -> None:
    store = worn.vault.store
    for name in ("probe/canary", "probe/" + "aa" * 16, "probe/" + "bb" * 16 + "/large"):
        store.put_if_absent(name, b"left")
    worn.clock.advance(DAY + 1)
    store.put_if_absent("probe/" + "cc" * 16, b"at work")

    swept = worn.prune().swept

    assert {info.name for info in store.list_objects("probe/")} == {"probe/canary", "probe/" + "cc" * 16}
    assert swept == 2


def test_a_full_store_still_lets_a_prune_delete(worn: KeptVault) -> None:
    full = FaultyStore(worn.store, fail_when=_full)
    before = worn.stored_bytes()

    worn.prune(worn.open(full))

    assert worn.stored_bytes() < before
    worn.check_whole()


def _full(verb: str, name: str) -> RebondError | None:
    if verb == "put" and name.startswith(("packs/", "index/")):
        return StoreFull("No room left (planned by a test).", hint="Nothing to do.")
    return None


def test_a_prune_sweeps_what_cut_puts_left_behind(worn: KeptVault, tmp_path: Path) -> None:
    path = tmp_path / "vault"
    store = LocalStore.create(path)
    for info in worn.store.list_objects():
        store.put_if_absent(info.name, worn.store.read(info.name))
    (path / "packs/.tmp-old").write_bytes(b"half")
    (path / "packs/.tmp-young").write_bytes(b"half")
    os.utime(path / "packs/.tmp-old", (time.time() - 100_000,) * 2)

    plan_prune(worn.open(store))
    assert (path / "packs/.tmp-old").exists(), "a plan changes nothing"
    outcome = worn.prune(worn.open(store))

    assert outcome.swept == 1
    assert [found.name for found in path.rglob(".tmp-*")] == [".tmp-young"]


def test_a_prune_that_cannot_sweep_is_done_all_the_same(worn: KeptVault) -> None:
    class Unsweepable(ForwardingStore):
        def sweep(self) -> int:
            raise AccessDenied("Planned by a test.")

    heard: list[Finding] = []
    outcome = worn.prune(replace(worn.open(Unsweepable(worn.store)), report=heard.append))

    assert outcome.deleted
    assert outcome.swept == 0
    assert "sweep-failed" in {finding.code for finding in heard}
    worn.check_whole()
