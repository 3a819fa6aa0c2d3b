"""Session journals: what a writer says of itself while it works (section 8).

``sessions/M/ID.SESSION/000000`` opens, ``…/000001`` declares the marks that were read, later ones
tell what was put; the last says *done*. A journal is heartbeat and log in one. Nothing relies on
its times.
"""

from collections.abc import Collection, Iterator, Sequence

import msgspec
from msgspec import Struct

from rebond.clock import Clock
from rebond.errors import ForeignObject, FormatTooNew, ObjectExists, ObjectMissing, VaultDamaged
from rebond.identifiers import MemberId, ObjectName, SessionId, SnapshotId, VaultId
from rebond.store.protocol import Store
from rebond.vault.credentials import Credentials, Role
from rebond.vault.headers import ObjectKind
from rebond.vault.member_records import build_signed, parse_signed
from rebond.vault.protocol_rules import SessionFacts
from rebond.vault.roster import Roster
from rebond.vault.signed_objects import put_once
from rebond.vault.snapshots import snapshot_name

SESSIONS_PREFIX = "sessions/"
_WRITERS = (Role.OWNER, Role.WRITER, Role.KEEPER)
_MOST_LOST_ANSWERS = 100


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record of a journal. ``step`` is open, marks, progress or done."""

    step: str
    time_ms: int
    host: str = ""
    purpose: str = ""
    marks: list[str] = []
    names: list[str] = []


def session_prefix(member: MemberId, snapshot: SnapshotId, session: SessionId) -> str:
    """The folder of one session's journal."""
    return f"{SESSIONS_PREFIX}{member.hex()}/{snapshot.hex()}.{session.hex()}/"


class SessionJournal:
    """The journal of a session that this process runs. Records are numbered from 0."""

    def __init__(
        self, store: Store, credentials: Credentials, snapshot: SnapshotId, session: SessionId, clock: Clock
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._prefix = session_prefix(credentials.member, snapshot, session)
        self._clock = clock
        self._next = 0
        self._last = clock.monotonic()

    def open(self, host: str, purpose: str) -> None:
        """Step 1: make the session known, before anything else is looked at."""
        self._put(JournalEntry(step="open", time_ms=self._clock.now_ms(), host=host, purpose=purpose))

    def declare_marks(self, marks: Collection[str]) -> None:
        """Step 2: name the marks that were read before anything was looked up."""
        self._put(JournalEntry(step="marks", time_ms=self._clock.now_ms(), marks=sorted(marks)))

    def note_progress(self, names: Collection[str]) -> None:
        """Name packs and lists that were put since the last record."""
        self._put(JournalEntry(step="progress", time_ms=self._clock.now_ms(), names=sorted(names)))

    def finish(self) -> None:
        """Say that the commit is known to stand."""
        self._put(JournalEntry(step="done", time_ms=self._clock.now_ms()))

    def seconds_since_last(self) -> float:
        """How long the journal has been silent."""
        return self._clock.monotonic() - self._last

    def _put(self, entry: JournalEntry) -> None:
        for attempt in range(_MOST_LOST_ANSWERS + 1):
            name = ObjectName(f"{self._prefix}{self._next:06d}")
            credentials = self._credentials
            content = build_signed(
                ObjectKind.SESSION, name, credentials.vault_id, credentials.member, credentials.signing_key, entry
            )
            try:
                put_once(self._store, name, content)
            except ObjectExists:
                # Nobody else writes here: an earlier record arrived although its put was given up.
                if attempt == _MOST_LOST_ANSWERS:
                    raise
                self._next += 1
            else:
                break
        self._next += 1
        self._last = self._clock.monotonic()


class JournalName(Struct, frozen=True):
    """The parts of ``sessions/M/ID.SESSION/NNNNNN``."""

    name: ObjectName
    member: MemberId
    snapshot: SnapshotId
    session: SessionId
    number: int
    store_time_ms: int


def list_journal_names(store: Store) -> Iterator[JournalName]:
    """Yield the names of all journal records, each session's in order."""
    for info in store.list_objects(SESSIONS_PREFIX):
        try:
            _, member, rest, number = info.name.split("/")
            snapshot, session = rest.split(".")
            ids = bytes.fromhex(member), bytes.fromhex(snapshot), bytes.fromhex(session)
            count = int(number)
        except ValueError:
            continue
        if [len(i) for i in ids] == [8, 16, 16]:
            yield JournalName(
                ObjectName(info.name), MemberId(ids[0]), SnapshotId(ids[1]), SessionId(ids[2]), count, info.modified_ms
            )


def read_journal_entry(store: Store, name: JournalName, vault_id: VaultId, roster: Roster) -> JournalEntry | None:
    """Read one record; ``None`` when it is gone, damaged or not signed by its member.

    An entry that cannot be trusted declares nothing, which only ever keeps more alive.
    """
    try:
        record = parse_signed(ObjectKind.SESSION, name.name, vault_id, store.read(name.name), JournalEntry)
        if record.member != name.member:
            return None
        record.verify(roster, name.store_time_ms, _WRITERS)
    except (ObjectMissing, VaultDamaged, ForeignObject, FormatTooNew):
        return None
    return record.body


class ListedSession(Struct, frozen=True, kw_only=True):
    """One session as the listing shows it. Times are store times, milliseconds since 1970."""

    record_name: ObjectName
    member: MemberId
    session: SessionId
    journal: tuple[JournalName, ...]

    @property
    def last_ms(self) -> int:
        """When the journal grew last."""
        return max(name.store_time_ms for name in self.journal)


def list_sessions(store: Store) -> list[ListedSession]:
    """Return every session that has a journal."""
    found: dict[str, list[JournalName]] = {}
    for name in list_journal_names(store):
        found.setdefault(snapshot_name(name.member, name.snapshot, name.session), []).append(name)
    return [
        ListedSession(
            record_name=ObjectName(record_name),
            member=journal[0].member,
            session=journal[0].session,
            journal=tuple(sorted(journal, key=lambda name: name.number)),
        )
        for record_name, journal in sorted(found.items())
    ]


def read_session_facts(store: Store, session: ListedSession, vault_id: VaultId, roster: Roster) -> SessionFacts:
    """Read a whole journal: which marks it declares and whether it is done."""
    entries = [read_journal_entry(store, name, vault_id, roster) for name in session.journal]
    return _facts_of(session, entries)


def read_is_done(store: Store, session: ListedSession, vault_id: VaultId, roster: Roster) -> bool:
    """Say whether a session said *done*; that is its last word, so one read tells."""
    entry = read_journal_entry(store, session.journal[-1], vault_id, roster)
    return _facts_of(session, [entry]).is_done


def _facts_of(session: ListedSession, entries: Sequence[JournalEntry | None]) -> SessionFacts:
    read = [entry for entry in entries if entry is not None]
    return SessionFacts(
        session.record_name,
        frozenset(mark for entry in read for mark in entry.marks),
        any(entry.step == "done" for entry in read),
    )
