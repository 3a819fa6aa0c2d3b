"""Emptying the trash: commit records that were forgotten leave the vault, the first half of a prune (section 10).

Under each forget mark: read the holds, claim it and say in the claim what is spared, name the others in a
run record, put a tombstone where the writer may still repeat its put, delete them, their journals, and the
mark last.
"""

from collections.abc import Collection, Iterable

import msgspec
from msgspec import Struct

from rebond.findings import Finding, Severity
from rebond.identifiers import ObjectName
from rebond.vault.access import Vault
from rebond.vault.commits import read_snapshots
from rebond.vault.endings import put_tombstone
from rebond.vault.holds import find_held, read_holds
from rebond.vault.mark_renewal import end_taken_back, list_taken_back
from rebond.vault.marks import ClaimBody, Mark, MarkBody, Marks, claim_mark, put_mark, read_marks
from rebond.vault.needs import list_records
from rebond.vault.protocol_orders import FORGET_ORDER, ForgetStep
from rebond.vault.protocol_rules import (
    ClaimPurpose,
    MarkPurpose,
    claim_for_deletion,
    find_left_in_trash,
    may_delete_record,
    may_take_up,
    needs_tombstone,
)
from rebond.vault.retention import Candidate, candidate_of, find_last_complete
from rebond.vault.runs import begin_record, put_run, rows_of_names
from rebond.vault.sessions import ListedSession, list_sessions, read_session_facts
from rebond.vault.snapshots import parse_snapshot_name

ABANDONED_MS = 60 * 60_000  # a forget mark that was claimed this long ago, by store time, is finished for its process


class EmptiedTrash(Struct, frozen=True, kw_only=True):
    """What left the vault, and what a hold (or being the last complete one) kept."""

    deleted: tuple[ObjectName, ...]
    spared: tuple[ObjectName, ...]


def find_removable(vault: Vault, marks: Marks) -> frozenset[ObjectName]:
    """Return the records that emptying the trash would delete now; for a plan. Changes nothing."""
    there = _list_present(vault)
    names = {name for mark in _marks_to_take_up(marks) for name in mark.body.names} | set(_orphans(marks, None))
    for mark in _list_left_standing(vault, marks):
        names.update(map(str, find_left_in_trash(mark.facts, marks.claim_facts[mark.name])))
    wanted = [ObjectName(name) for name in sorted(names & there)]
    return frozenset(wanted) - _find_protected(vault, marks, wanted)


def empty_trash(vault: Vault, run: bytes) -> EmptiedTrash:
    """Delete the commit records that lie in the trash. May be cut anywhere and run again."""
    vault.credentials.require_keeper()
    marks = _end_what_was_taken_back(vault)
    deleted: list[ObjectName] = []
    spared: list[ObjectName] = []
    chosen = [
        *(_MarkEmptying(vault, run, mark.body.names, mark.name) for mark in _marks_to_take_up(marks)),
        *(_MarkEmptying(vault, run, names) for names in _find_abandoned(vault, marks)),
    ]
    for each in chosen:
        emptied = each.run()
        deleted += emptied.deleted
        spared += emptied.spared
    return EmptiedTrash(deleted=tuple(deleted), spared=tuple(spared))


def _end_what_was_taken_back(vault: Vault) -> Marks:
    """Read the marks, and end those that a process took back and left standing."""
    marks = read_marks(vault.store, vault.vault_id, vault.roster)
    left = _list_left_standing(vault, marks)
    if not left:
        return marks
    end_taken_back(vault, marks, left)
    return read_marks(vault.store, vault.vault_id, vault.roster)


def _list_left_standing(vault: Vault, marks: Marks) -> list[Mark]:
    return list_taken_back(marks, claimed_before_ms=vault.clock.now_ms() - ABANDONED_MS)


def _find_abandoned(vault: Vault, marks: Marks) -> list[list[str]]:
    """Return the records that a new mark is put on: one list of those that a dead process left lying, or none.

    Those that are protected get no mark, or every prune would leave another claim of one that deletes nothing.
    """
    orphans = sorted(_list_present(vault).intersection(_orphans(marks, vault.clock.now_ms())))
    protected = _find_living_protected(vault, marks, [ObjectName(name) for name in orphans]) if orphans else frozenset()
    for name in sorted(protected):
        vault.report(_kept_in_trash(name))
    going = [name for name in orphans if name not in protected]
    return [going] if going else []


def _marks_to_take_up(marks: Marks) -> list[Mark]:
    return [
        mark
        for mark in marks.marks
        if mark.is_verified and may_take_up(mark.facts, marks.claim_facts, MarkPurpose.FORGET)
    ]


def _orphans(marks: Marks, now_ms: int | None) -> Iterable[str]:
    """Yield records that a process claimed in order to delete and left lying.

    Where a claim cannot be trusted its process may have taken them back: they stay until somebody looks.
    """
    undecided = marks.undecided()
    for mark in marks.marks:
        claim = marks.claim_facts.get(mark.name)
        if not mark.is_verified or mark.body.purpose != MarkPurpose.FORGET or claim is None or mark.name in undecided:
            continue
        is_old = now_ms is None or now_ms - marks.claimed_ms[mark.name] >= ABANDONED_MS
        if claim.purpose is ClaimPurpose.DELETE and is_old:
            yield from (name for name in mark.body.names if name not in claim.spares)


def _list_present(vault: Vault) -> frozenset[str]:
    """Return every name below snapshots/, withdrawn records and tombstones too."""
    return frozenset(info.name for info in vault.store.list_objects("snapshots/"))


def _find_protected(vault: Vault, marks: Marks, names: Iterable[ObjectName]) -> frozenset[ObjectName]:
    """Return which of ``names`` are held, or are the last complete ones while nothing newer is listed.

    A record that cannot be read any more is protected by its hold all the same.
    """
    now_ms = vault.clock.now_ms()
    holds = read_holds(vault)
    records = read_snapshots(vault)
    held = set(find_held(records, holds, now_ms))
    for name in names:
        parsed = parse_snapshot_name(name)
        hold = holds.get(parsed.snapshot) if parsed is not None else None
        if hold is not None and hold.is_in_force(now_ms):
            held.add(name)
    candidates = [candidate_of(record, held) for record in records]
    return frozenset(held) | _find_last_ones(candidates, marks.forgotten())


def _find_living_protected(vault: Vault, marks: Marks, names: Collection[ObjectName]) -> frozenset[ObjectName]:
    """Return which of ``names`` are protected, but for those that have a tombstone: what is left of these goes."""
    dead = list_records(vault).tombstones
    return frozenset(name for name in _find_protected(vault, marks, names).intersection(names) if name not in dead)


def _find_last_ones(candidates: Collection[Candidate], forgotten: Collection[str]) -> frozenset[ObjectName]:
    """Return the newest of each (member, stack, component) of which nothing complete is listed."""
    listed = [c for c in candidates if c.name not in forgotten]
    covered = {(c.member, c.stack, component) for c in listed for component in c.complete}
    by_name = {c.name: c for c in candidates}
    return frozenset(
        name
        for name, components in find_last_complete(candidates).items()
        if any((by_name[name].member, by_name[name].stack, component) not in covered for component in components)
    )


class _MarkEmptying:
    """One forget mark, from its claim to its end."""

    def __init__(self, vault: Vault, run: bytes, names: Collection[str], mark: ObjectName | None = None) -> None:
        self._vault = vault
        self._run = run
        self._names = [ObjectName(name) for name in names]
        self._mark = mark or ObjectName("")
        self._spared: frozenset[str] = frozenset()
        self._going: list[ObjectName] = []
        self._sessions: dict[str, ListedSession] = {}

    def run(self) -> EmptiedTrash:
        """Walk through the order of the rules."""
        for step in FORGET_ORDER:
            if step is ForgetStep.TAKE_MARK:
                self._take_mark()
            elif step is ForgetStep.READ_HOLDS:
                self._choose()
            elif step is ForgetStep.CLAIM:
                if not self._claim():
                    return EmptiedTrash(deleted=(), spared=())
            elif step is ForgetStep.NAME_IN_RUN:
                self._name_in_run()
            elif step is ForgetStep.PUT_TOMBSTONES:
                self._put_tombstones()
            elif step is ForgetStep.DELETE_RECORDS:
                for name in self._going:
                    self._vault.store.delete(name)
            elif step is ForgetStep.DELETE_JOURNALS:
                self._delete_journals()
            else:
                self._vault.store.delete(self._mark)
        spared = tuple(name for name in self._names if name not in set(self._going))
        return EmptiedTrash(deleted=tuple(self._going), spared=spared)

    def _take_mark(self) -> None:
        """Go on with a mark that was listed, or put one on what a process that was cut short left lying."""
        if not self._mark:
            body = MarkBody(
                purpose=MarkPurpose.FORGET.value,
                time_ms=self._vault.clock.now_ms(),
                reason="left by a prune that was cut short",
                names=[str(name) for name in self._names],
                run=self._run,
            )
            self._mark = put_mark(self._vault.store, self._vault.credentials, body)

    def _choose(self) -> None:
        """Read the holds, now that the mark stands: a hold that comes later is told that it comes too late."""
        marks = read_marks(self._vault.store, self._vault.vault_id, self._vault.roster)
        there = _list_present(self._vault)
        protected = _find_living_protected(self._vault, marks, self._names)
        self._going = [name for name in self._names if name in there and may_delete_record(name, protected)]
        self._spared = protected

    def _claim(self) -> bool:
        """Claim the mark and say in the same word what is spared: it is listed again from then on, whoever dies."""
        facts = claim_for_deletion(self._run, self._names, self._spared)
        body = ClaimBody(
            run=self._run,
            time_ms=self._vault.clock.now_ms(),
            purpose=facts.purpose.value,
            spares=sorted(map(str, facts.spares)),
        )
        is_claimed = claim_mark(self._vault.store, self._vault.credentials, self._mark, body)
        if is_claimed and facts.spares:
            doomed = read_marks(self._vault.store, self._vault.vault_id, self._vault.roster).doomed()
            for name in body.spares:
                self._vault.report(_kept_in_trash(name) if name in doomed else _spared(name))
        return is_claimed

    def _name_in_run(self) -> None:
        if self._going:
            record = msgspec.structs.replace(
                begin_record(self._run, "empty trash", self._vault.clock),
                forgotten=rows_of_names(self._going),
                marks=[str(self._mark)],
            )
            put_run(self._vault.store, self._vault.credentials, record)

    def _put_tombstones(self) -> None:
        """Keep a name taken whose writer never said *done*: it may repeat its put at any time."""
        wanted = set(self._going)
        self._sessions = {s.record_name: s for s in list_sessions(self._vault.store) if s.record_name in wanted}
        for name in self._going:
            session = self._sessions.get(name)
            facts = (
                read_session_facts(self._vault.store, session, self._vault.vault_id, self._vault.roster)
                if session is not None
                else None
            )
            if needs_tombstone(facts):
                put_tombstone(self._vault, name, self._run)

    def _delete_journals(self) -> None:
        for name in self._going:
            session = self._sessions.get(name)
            # Rising, so that what says "done" goes last: a journal without it would look like an open session's.
            for entry in session.journal if session is not None else ():
                self._vault.store.delete(entry.name)


def _kept_in_trash(name: str) -> Finding:
    return Finding(
        code="trash-kept",
        severity=Severity.WARNING,
        subject=name,
        template="{name} is not deleted: it is held, or nothing complete would be left. It stays in the trash, because "
        "a prune that was cut short had begun to delete it",
        hint_template="Nothing that it needs goes as long as it is protected. Read it with the rescue program of the "
        "vault, or back up again what it holds.",
        values={"name": name},
    )


def _spared(name: str) -> Finding:
    return Finding(
        code="trash-spared",
        severity=Severity.NOTE,
        subject=name,
        template="{name} comes back out of the trash: it is held, or nothing complete would be left",
        values={"name": name},
    )
