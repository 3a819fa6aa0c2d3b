"""The decisions of the deletion protocol, as pure functions on small values (format page, sections 8-10 and 15).

Two callers: the real code of this package, and the model in ``tests/model``, which explores every
interleaving of them. Names may be anything hashable: strings in a store, short words in the model.
In what order things are done is a rule too: ``protocol_orders``.
Where the real code keeps a rule in another form than by calling it, the rule says where.
"""

import enum
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

Name = TypeVar("Name", bound=Hashable)
Pack = TypeVar("Pack", bound=Hashable)
Segment = TypeVar("Segment", bound=Hashable)


class MarkPurpose(enum.StrEnum):
    """Why a mark names things."""

    DELETE = "delete"  # packs, lists, references, items that nothing needs
    FORGET = "forget"  # commit records: they lie in the trash until a prune
    DAMAGE = "damage"  # bytes found wrong: writers treat them as absent, nobody deletes under it


class ClaimPurpose(enum.StrEnum):
    """What the one process that claimed a mark does with it. Decided once, for ever."""

    DELETE = "delete"
    WITHDRAW = "withdraw"


class MarkFacts(NamedTuple):
    """What the rules know of a mark. ``id`` is its own, never used again."""

    id: Hashable
    purpose: MarkPurpose
    names: frozenset[Hashable]


class ClaimFacts(NamedTuple):
    """What the rules know of a claim: which process made it, to which end, and what is out of the trash by it.

    A claim to withdraw that names nothing takes everything back.
    """

    process: Hashable
    purpose: ClaimPurpose
    spares: frozenset[Hashable] = frozenset()


Claims = Mapping[Any, ClaimFacts]
"""Who claimed a mark, by the mark's id."""


class SessionFacts(NamedTuple):
    """What the rules know of a session. ``name`` is that of its commit record."""

    name: Hashable
    declared: frozenset[Hashable] = frozenset()
    is_done: bool = False


class RecordVerdict(enum.StrEnum):
    """What a session finds at the name of its commit record."""

    COMMITTED = "committed"
    VOIDED = "voided"
    FOREIGN = "foreign"


def find_usable_packs(listed: Collection[Name], marks: Iterable[MarkFacts]) -> frozenset[Name]:
    """Return the packs that a session may refer to: listed after the marks were, and in none of them."""
    usable = set(listed)
    for mark in marks:
        usable.difference_update(mark.names)
    return frozenset(usable)


def find_adoptable_packs(own_packs: Iterable[Name], usable: Collection[Name]) -> frozenset[Name]:
    """Return which packs of the writer's own dead sessions may be used: those that pass the same look."""
    return frozenset(own_packs).intersection(usable)


def find_declarable_marks(marks: Iterable[MarkFacts], used_names: Collection[Hashable]) -> frozenset[Hashable]:
    """Return the ids of the marks that a session may declare: those of which it has used nothing."""
    used = used_names if isinstance(used_names, (set, frozenset)) else frozenset(used_names)
    return frozenset(mark.id for mark in marks if mark.names.isdisjoint(used))


def judge_record(found: bytes | Hashable, own: bytes | Hashable, *, is_void: bool) -> RecordVerdict:
    """Say what it means that something stands already where a session wanted to commit."""
    if found == own:
        return RecordVerdict.COMMITTED
    return RecordVerdict.VOIDED if is_void else RecordVerdict.FOREIGN


def stands_committed(name: Hashable, tombstones: Collection[Hashable]) -> bool:
    """Say whether a record that was just put counts: a repeated put may come after it was forgotten."""
    return name not in tombstones


def find_listed_records(
    records: Iterable[Name],
    tombstones: Collection[Hashable],
    marks: Iterable[MarkFacts],
    claims: Claims,
) -> frozenset[Name]:
    """Return the commit records that are snapshots for everybody: neither dead nor in the trash.

    The real code asks in two steps: ``endings`` for what is dead, ``Marks.forgotten`` for the trash.
    """
    in_trash = find_trash(marks, claims)
    return frozenset(name for name in records if name not in tombstones and name not in in_trash)


def find_left_in_trash(mark: MarkFacts, claim: ClaimFacts | None) -> frozenset[Hashable]:
    """Return the records that one mark keeps in the trash: what its claim does not spare."""
    if mark.purpose is not MarkPurpose.FORGET:
        return frozenset()
    if claim is None:
        return mark.names
    if claim.purpose is ClaimPurpose.WITHDRAW and not claim.spares:
        return frozenset()
    return mark.names - claim.spares


def find_trash(marks: Iterable[MarkFacts], claims: Claims) -> frozenset[Hashable]:
    """Return the records that were forgotten and neither taken back nor spared."""
    found: set[Hashable] = set()
    for mark in marks:
        found |= find_left_in_trash(mark, claims.get(mark.id))
    return frozenset(found)


def find_doomed_records(marks: Iterable[MarkFacts], claims: Claims) -> frozenset[Hashable]:
    """Return the forgotten records that some process may be deleting: nobody takes them back any more."""
    found: set[Hashable] = set()
    for mark in marks:
        claim = claims.get(mark.id)
        if claim is not None and claim.purpose is ClaimPurpose.DELETE:
            found |= find_left_in_trash(mark, claim)
    return frozenset(found)


def find_needing_records(
    records: Iterable[Name], tombstones: Collection[Hashable], marks: Iterable[MarkFacts]
) -> frozenset[Name]:
    """Return the commit records whose content is kept: all that are there and not dead.

    What lies in the trash is needed like everything else, because it may be taken back.
    """
    del marks  # a forgotten record is needed as long as it is there
    return frozenset(name for name in records if name not in tombstones)


def is_session_closed(session: SessionFacts, records: Collection[Hashable], tombstones: Collection[Hashable]) -> bool:
    """Say whether a session can no longer commit: its name is taken (commit or void), or it said that it is done."""
    return session.is_done or session.name in records or session.name in tombstones


def find_uninformed_sessions(
    sessions: Iterable[SessionFacts],
    records: Collection[Hashable],
    tombstones: Collection[Hashable],
    mark: Hashable,
) -> tuple[SessionFacts, ...]:
    """Return the open sessions that have not declared ``mark``: they may use what it names."""
    return tuple(
        session
        for session in sessions
        if mark not in session.declared and not is_session_closed(session, records, tombstones)
    )


def may_void_session(length: int, earlier_lengths: Iterable[int], *, uninformed_ms: int, patience_ms: int) -> bool:
    """Say whether it is fair to void an uninformed session. Safety never depends on it: a live writer tries again.

    Fair when its journal has not grown between two looks an hour apart (``earlier_lengths`` are those
    of the earlier looks), or when it ignored the mark for ``patience_ms``.
    """
    return length in set(earlier_lengths) or uninformed_ms >= patience_ms


def may_take_up(mark: MarkFacts, claims: Claims, purpose: MarkPurpose) -> bool:
    """Say whether a run may go on with a mark that an earlier one left: it is of that purpose and nobody claimed it."""
    return mark.purpose is purpose and mark.id not in claims


def holds_claim(claim: ClaimFacts | None, process: Hashable, purpose: ClaimPurpose) -> bool:
    """Say whether ``process`` may act under a mark: it alone holds the claim, to that end.

    ``marks.claim_mark`` says the same of a store: the claim that stands has the very bytes of its own.
    """
    return claim is not None and claim.process == process and claim.purpose is purpose


def find_deletable_packs(
    named: Collection[Pack],
    contents: Mapping[Pack, Collection[Segment]],
    needed: Collection[Segment],
    marked: Collection[Hashable],
) -> frozenset[Pack]:
    """Return which packs of an own mark may go now.

    ``contents`` has every listed pack and the segments in it, ``marked`` the names in every mark
    (the own one too) and everything found damaged. A pack may go when each needed segment in it
    has another place, in a listed pack that no mark names.
    """
    at_stake: set[Segment] = set()
    for pack in named:
        at_stake.update(segment for segment in contents.get(pack, ()) if segment in needed)
    if at_stake:
        for pack, segments in contents.items():
            if pack not in marked:
                at_stake.difference_update(segment for segment in segments if segment not in marked)
            if not at_stake:
                break
    return frozenset(pack for pack in named if not any(segment in at_stake for segment in contents.get(pack, ())))


def find_superfluous_packs(
    contents: Mapping[Pack, Collection[Segment]],
    needed: Collection[Segment],
    marked: Collection[Hashable],
    spared: Collection[Pack] = (),
    make_set: Callable[[], Any] = set,
) -> frozenset[Pack]:
    """Return which packs a new mark should name: no needed segment, or each has a place that stays.

    A place in a pack that a mark names is no place. ``spared`` packs are left alone. Of packs that
    hold the same segment the one that comes last in ``contents`` stays, so put first what should go.
    ``make_set`` makes an empty set of segments that is small in memory.
    """
    places = _count_repeated_places(contents, needed, marked, make_set())
    found: list[Pack] = []
    for pack, segments in contents.items():
        if pack in spared:
            continue
        own = 0 if pack in marked else 1
        held = [segment for segment in segments if segment in needed]
        if all(places.get(segment, own if segment not in marked else 0) > own for segment in held):
            found.append(pack)
            for segment in held:
                if segment not in marked:
                    places[segment] -= own
    return frozenset(found)


def _count_repeated_places(
    contents: Mapping[Pack, Collection[Segment]],
    needed: Collection[Segment],
    marked: Collection[Hashable],
    once: Any,
) -> dict[Segment, int]:
    """Count the places of needed segments that lie in more packs than one, marked ones included; few do."""
    places: dict[Segment, int] = {}
    for segments in contents.values():
        for segment in segments:
            if segment in needed and segment in once:
                places[segment] = 0
            elif segment in needed:
                once.add(segment)
    for pack, segments in contents.items():
        if pack not in marked:
            for segment in segments:
                if segment in places and segment not in marked:
                    places[segment] += 1
    return places


def find_vanished_records(
    known: Iterable[Name], listed: Collection[Hashable], forgotten: Collection[Hashable]
) -> frozenset[Name]:
    """Return the records that a run record knows, that are not listed now, and that nobody said to forget."""
    return frozenset(name for name in known if name not in listed and name not in forgotten)


def may_delete_record(name: Hashable, held: Collection[Hashable]) -> bool:
    """Say whether a record that is being forgotten may go: nothing holds it."""
    return name not in held


def claim_for_deletion(process: Hashable, names: Iterable[Hashable], held: Collection[Hashable]) -> ClaimFacts:
    """Return the claim under which ``process`` deletes what a forget mark names, but for what is held.

    ``held`` was read while the mark stood. What is spared is on the lists as soon as the claim stands,
    and nobody ever deletes it under this mark: whoever dies later leaves nothing held in the trash.
    """
    spares = frozenset(name for name in names if not may_delete_record(name, held))
    return ClaimFacts(process, ClaimPurpose.DELETE, spares)


def claim_for_return(process: Hashable, wanted: Hashable) -> ClaimFacts:
    """Return the claim under which ``process`` takes ``wanted`` out of the trash.

    What else the mark names stays there, and goes under the mark that follows it. That has one id and
    one content, whoever puts it and however often, so that a process that was asleep changes nothing by it.
    """
    return ClaimFacts(process, ClaimPurpose.WITHDRAW, frozenset({wanted}))


def needs_tombstone(session: SessionFacts | None) -> bool:
    """Say whether a record's name must stay taken after it goes: its writer may not know that it committed."""
    return session is None or not session.is_done


def may_delete_journal(session: SessionFacts, voids: Collection[Hashable], tombstones: Collection[Hashable]) -> bool:
    """Say whether a journal tells nothing any more: voided, done, or forgotten for ever."""
    return session.is_done or session.name in voids or session.name in tombstones


def may_remove_mark(
    mark: MarkFacts, claim: ClaimFacts | None, process: Hashable, present: Collection[Hashable]
) -> bool:
    """Say whether ``process`` may remove a mark.

    A mark that was taken back may be removed by anyone, once the mark that follows it stands on what was
    not taken back (``RENEWAL_ORDER``). Every other one only by the process that
    claimed it. A dead process's mark stays even when nothing that it names exists: that process
    may only be asleep, and a writer that was asleep too may repeat the put of a pack. The real code
    removes a mark only just after ``claim_mark`` gave it the claim.
    """
    del mark, present
    if claim is None:
        return False
    return claim.purpose is ClaimPurpose.WITHDRAW or claim.process == process
