"""What a prune looks at before it decides, and the conditions without which it does not begin (§10.1, §10.2)."""

from collections.abc import Callable, Collection, Iterable

from msgspec import Struct

from rebond.errors import VaultDamaged
from rebond.findings import Finding, Severity
from rebond.identifiers import ObjectName, random_id
from rebond.store.canary import CANARY_NAME
from rebond.vault.access import Vault
from rebond.vault.index_census import Census, take_census
from rebond.vault.marks import Marks, claim_name, read_marks
from rebond.vault.needs import Needs, RecordListing, add_needs, list_records
from rebond.vault.pack_contents import SegmentNames
from rebond.vault.protocol_rules import SessionFacts, find_uninformed_sessions, find_vanished_records
from rebond.vault.runs import StoredRun, find_forgotten, find_newest_census, read_runs
from rebond.vault.sessions import ListedSession, list_sessions, read_session_facts

LOOKS_APART_MS = 60 * 60_000
_ATTEMPTS = 3
_PROBES = "probe/"
_PROBE_MS = 24 * 60 * 60_000  # no trial takes as long; the canary of 'rebond doctor' stays where it may not be deleted
_RUNS_LOOKED_AT = 20


class Survey(Struct, kw_only=True):
    """One look at a whole vault. ``now_ms`` is the store's time, in milliseconds since 1970.

    ``facts`` are those of the sessions whose names are not taken.
    """

    marks: Marks
    needs: Needs
    listing: RecordListing
    census: Census
    references: tuple[tuple[str, int], ...]
    sessions: tuple[ListedSession, ...]
    facts: dict[str, SessionFacts]
    earlier_looks: tuple[StoredRun, ...]
    now_ms: int

    def open_sessions(self) -> tuple[ListedSession, ...]:
        """Return the sessions that may still commit."""
        return tuple(
            session
            for session in self.sessions
            if session.record_name in self.facts and not self.facts[session.record_name].is_done
        )


def read_store_time(vault: Vault, room_bytes: int = 0) -> int:
    """Return the store's time in milliseconds since 1970, by an object just put (and removed again).

    With ``room_bytes`` it is as large as that: ``StoreFull`` comes now where it would come later.
    """
    name = f"{_PROBES}{random_id().hex()}"
    vault.store.put_if_absent(name, b"time".ljust(room_bytes, b"\0"))
    try:
        return vault.store.stat(name).modified_ms
    finally:
        vault.store.delete(name)


def remove_left_probes(vault: Vault, now_ms: int) -> int:
    """Remove what trials of the store left behind that were cut more than a day ago; return how many objects."""
    left = [
        info.name
        for info in vault.store.list_objects(_PROBES)
        if info.name != CANARY_NAME and now_ms - info.modified_ms > _PROBE_MS
    ]
    for name in left:
        vault.store.delete(name)
    return len(left)


def survey_vault(vault: Vault, *, now_ms: int, ignored: Callable[[Marks], frozenset[ObjectName]]) -> Survey:
    """Read marks, records, index and journals. Writes nothing.

    ``ignored`` tells which records are about to leave the trash: what they need is not counted. Raises
    ``VaultDamaged`` when something is there that cannot be understood, missing that was there, or
    needed and not to be found.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        marks = read_known_marks(vault)
        for mark in marks.undecided():
            vault.report(_undecided(mark))
        listing = list_checked_records(vault)
        needs = Needs()
        add_needs(vault, needs, listing, ignored(marks))
        census = take_census(vault, marks.damaged())
        lost = find_homeless(needs.required, census)
        if not lost:
            break
        if attempt == _ATTEMPTS:
            raise _homeless(lost)
        # Another prune may have emptied the trash between the two listings: look again.
    sessions = tuple(list_sessions(vault.store))
    taken = listing.record_names | listing.tombstones
    return Survey(
        marks=marks,
        needs=needs,
        listing=listing,
        census=census,
        references=tuple((info.name, info.size) for info in vault.store.list_objects("references/")),
        sessions=sessions,
        facts={
            session.record_name: read_session_facts(vault.store, session, vault.vault_id, vault.roster)
            for session in sessions
            if session.record_name not in taken
        },
        earlier_looks=tuple(find_earlier_looks(vault, now_ms)),
        now_ms=now_ms,
    )


def read_known_marks(vault: Vault) -> Marks:
    """Read all marks; raises ``VaultDamaged`` when one cannot be read, because nobody knows what it protects."""
    marks = read_marks(vault.store, vault.vault_id, vault.roster)
    if marks.unreadable:
        raise VaultDamaged(
            "Nothing was deleted: the mark {name} cannot be read.",
            hint="If no other prune is running, remove that object by hand, then prune again. A newer Rebond may also "
            "have made it.",
            name=marks.unreadable[0],
        )
    return marks


def list_checked_records(vault: Vault) -> RecordListing:
    """List the commit records; raises ``VaultDamaged`` when one vanished that nobody said to forget.

    What the run records know is read before the listing, what is being forgotten after it.
    """
    newest = find_newest_census(vault)
    listing = list_records(vault)
    if newest is not None:
        known = newest.known_names
        present = listing.record_names | listing.tombstones
        missing = find_vanished_records(known, present, ())
        refuse_if_vanished(find_vanished_records(known, present, find_forgotten(vault, missing)))
    return listing


def refuse_if_vanished(lost: Collection[ObjectName]) -> None:
    """Raise ``VaultDamaged`` when records vanished that nobody said to forget."""
    if lost:
        raise VaultDamaged(
            "Nothing was deleted: {count} snapshot records vanished that nobody forgot, {name} among them.",
            hint="A listing may have come short: try again later. If they are really gone, put them back from a "
            "copy of the vault; if there is none, 'rebond forget ID' gives one up, such as {snapshot}.",
            count=len(lost),
            name=min(lost),
            snapshot=min(lost).rsplit("/", 1)[-1].split(".", maxsplit=1)[0],
        )


def find_homeless(needed: SegmentNames, census: Census) -> list[tuple[bytes, int]]:
    """Return needed segments that lie in no listed pack; stops at a few."""
    placed = SegmentNames()
    for pack_hash in census.contents:
        for segment in census.contents[pack_hash]:
            if segment in needed:
                placed.add(segment)
    if len(placed) == len(needed):
        return []
    lost = []
    for segment in needed:
        if segment not in placed:
            lost.append(segment)
            if len(lost) == 10:
                break
    return lost


def find_earlier_looks(vault: Vault, now_ms: int) -> Iterable[StoredRun]:
    """Return the run records of the last weeks that noted journals at least an hour ago."""
    found = []
    for number, run in enumerate(read_runs(vault)):
        if number == _RUNS_LOOKED_AT:
            break
        if run.record.knows_records and now_ms - run.store_time_ms >= LOOKS_APART_MS:
            found.append(run)
    return found


def read_uninformed(
    vault: Vault, mark: str, listing: RecordListing, sessions: Iterable[ListedSession]
) -> list[ListedSession]:
    """Return the sessions that are open and have not declared ``mark``. ``listing`` is younger than ``sessions``."""
    by_name = {session.record_name: session for session in sessions}
    taken = listing.record_names | listing.tombstones
    facts: list[SessionFacts] = [
        read_session_facts(vault.store, session, vault.vault_id, vault.roster)
        for name, session in by_name.items()
        if name not in taken
    ]
    found = find_uninformed_sessions(facts, listing.record_names, listing.tombstones, mark)
    return [by_name[ObjectName(str(each.name))] for each in found]


def _undecided(mark: ObjectName) -> Finding:
    return Finding(
        code="claim-unreadable",
        severity=Severity.DAMAGE,
        subject=claim_name(mark),
        template="{name} cannot be trusted, so what its mark names is not deleted by it.",
        hint_template="'rebond verify' says what is wrong with it, and what to do.",
        values={"name": claim_name(mark)},
    )


def _homeless(lost: Collection[tuple[bytes, int]]) -> VaultDamaged:
    session, number = next(iter(lost))
    return VaultDamaged(
        "Nothing was deleted: segments that snapshots need lie in no pack, {session}/{number} among them.",
        hint="Run 'rebond verify' to see which files that reaches, and 'rebond verify --repair'.",
        session=session.hex(),
        number=number,
    )
