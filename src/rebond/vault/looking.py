"""What a session looks at before it refers to anything, in the order that the rules give (§9.1 to §9.3)."""

from collections.abc import Mapping

from msgspec import Struct

from rebond.identifiers import VaultId
from rebond.store.protocol import Store
from rebond.vault.marks import Marks, read_marks
from rebond.vault.packs import hash_in_name
from rebond.vault.protocol_orders import LOOK_ORDER, LookStep
from rebond.vault.protocol_rules import find_declarable_marks, find_usable_packs
from rebond.vault.roster import Roster
from rebond.vault.sessions import SessionJournal


class Look(Struct, frozen=True, kw_only=True):
    """What a session may count on: ``usable_packs`` are the hashes of packs that it may refer to, with their sizes.

    A segment in such a pack is usable unless ``marks.segments`` names it (it was found damaged),
    its member is not trusted, or the pack has not the size that was written.
    """

    marks: Marks
    usable_packs: Mapping[bytes, int]


def look_around(
    store: Store, vault_id: VaultId, roster: Roster, journal: SessionJournal, *, host: str, purpose: str
) -> Look:
    """Open a session, read and declare the marks, then list the packs; in this order nothing is lost."""
    marks = Marks()
    listed: dict[str, int] = {}
    for step in LOOK_ORDER:
        if step is LookStep.OPEN:
            journal.open(host, purpose)
        elif step is LookStep.LIST_MARKS:
            marks = read_marks(store, vault_id, roster)
        elif step is LookStep.DECLARE:
            journal.declare_marks([str(mark) for mark in find_declarable_marks(marks.facts(), ())])
        else:
            listed = {info.name: info.size for info in store.list_objects("packs/")}
    usable = find_usable_packs(listed, marks.facts())
    return Look(
        marks=marks,
        usable_packs={found: listed[name] for name in usable if (found := hash_in_name(name)) is not None},
    )
