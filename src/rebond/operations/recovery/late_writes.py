"""What was written to a new version behind the question whether there is anything, and before it was taken back."""

from collections.abc import Collection, Mapping

from rebond.operations.recovery.journal import Event, Journal
from rebond.operations.recovery.own_touches import read_touches
from rebond.operations.recovery.parts import NeedsServer, Part, SeesLateWrites


def ask_again(parts: Mapping[str, Part], journal: Journal, known: Collection[str]) -> list[str]:
    """Return the parts of files that the services wrote to until they were stopped, beyond those that are known.

    Asked once, before anything is taken back: what is half taken back cannot be asked any more.
    """
    asked = [each for each in journal.entries() if each.event is Event.WRITTEN_AT_LAST]
    if not asked:
        since_ns, own = journal.put_ns, read_touches(journal.folder)
        names = [
            name for name in journal.begun_parts() if name not in known and not isinstance(parts[name], NeedsServer)
        ]
        found = [name for name in names if parts[name].was_written_since(since_ns, own)]
        journal.write(Event.WRITTEN_AT_LAST, subject=",".join(found))
        return found
    return asked[0].subject.split(",") if asked[0].subject else []


def was_written_late(part: Part) -> bool:
    """Say whether a part that was taken back knows of something that was written until then."""
    return isinstance(part, SeesLateWrites) and part.was_written_late()
