"""How much work would be lost with each component if everything were lost now."""

import socket
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rebond.clock import Clock
from rebond.config.components import NOTHING_TO_SAVE, Versioned
from rebond.config.model import Loaded
from rebond.operations.snapshots import is_ahead, time_of
from rebond.schedule.jobs import Deed, make_calendar
from rebond.vault.snapshots import SnapshotRecord

if TYPE_CHECKING:
    from rebond.stack.objectives.log_ends import LogEnd

_WAITING = frozenset({"change", "commit"})
StandsAsItIs = Callable[[str, Mapping[str, SnapshotRecord]], bool]


def find_ages(
    loaded: Loaded,
    records: Iterable[SnapshotRecord],
    folder: Path,
    clock: Clock,
    ends: "Mapping[str, LogEnd] | None" = None,
    stands_as_it_is: StandsAsItIs | None = None,
) -> dict[str, float | None]:
    """Return seconds by component: since its newest whole snapshot; 0 where it is saved at every change and none came.

    Where a log reaches further than the snapshot, which ``ends`` says, they count from its end. ``folder`` is the
    stack's own in the state folder. ``None`` for a component that was never saved.
    ``stands_as_it_is`` is asked of a class whose files have new times, with the newest snapshots of what it saves:
    whether a snapshot holds just what is there.
    """
    newest = find_newest(records, clock.now_ms())
    quiet = find_unchanged(loaded, newest, folder, clock, stands_as_it_is)
    ages: dict[str, float | None] = {}
    for name, component in loaded.configuration.component.items():
        if isinstance(component, (*NOTHING_TO_SAVE, Versioned)):
            continue
        record = newest.get(name)
        if record is None:
            ages[name] = None
        else:
            ages[name] = 0.0 if name in quiet else age_of(record, clock.now_ms())
            if ends is not None and name in ends:
                lost = ends[name].lost_seconds(clock.now_ms())
                ages[name] = ages[name] if lost is None else lost
    return ages


def age_of(record: SnapshotRecord, now_ms: int) -> float:
    """Return how old a snapshot is, in seconds. One that is dated ahead is not new: nobody knows when it was made."""
    age_ms = now_ms - time_of(record)
    return (abs(age_ms) if is_ahead(record, now_ms) else max(0, age_ms)) / 1000


def find_newest(records: Iterable[SnapshotRecord], now_ms: int) -> dict[str, SnapshotRecord]:
    """Return the newest snapshot that holds each component whole; one dated ahead only where there is no other."""
    newest: dict[str, SnapshotRecord] = {}
    for record in sorted(records, key=lambda each: (not is_ahead(each, now_ms), time_of(each))):
        for component in record.catalog.components:
            if component.is_whole:
                newest[component.name] = record
    return newest


def find_waiting(loaded: Loaded) -> dict[str, str]:
    """Return the components that a class saves at every change, each with the class."""
    found: dict[str, str] = {}
    for title, class_ in loaded.configuration.classes.items():
        if class_.trigger in _WAITING:
            found |= dict.fromkeys(list_members(loaded, title), title)
    return found


def list_members(loaded: Loaded, class_name: str) -> frozenset[str]:
    """Return what a class saves, whichever others save it too."""
    class_ = loaded.configuration.classes[class_name]
    return frozenset(loaded.configuration.component if class_.takes_all else class_.components)


def find_unchanged(
    loaded: Loaded,
    newest: Mapping[str, SnapshotRecord],
    folder: Path,
    clock: Clock,
    stands_as_it_is: StandsAsItIs | None = None,
) -> frozenset[str]:
    """Return the components that a class saves at every change, and that are as they were when they were last saved.

    That is known from the last run of the class that found its turn, from the times of the files, whoever saved them,
    or by asking ``stands_as_it_is``. ``newest`` is the newest snapshot that holds each.
    """
    if not find_waiting(loaded):
        return frozenset()
    from rebond.schedule.observing import Observer, has_unseen_sources, is_older_than  # noqa: PLC0415 - few stacks are saved at every change
    from rebond.schedule.records import Records  # noqa: PLC0415

    observe, past = Observer(loaded, folder, clock), Records(folder)
    quiet: set[str] = set()
    for job in make_calendar(loaded.configuration).jobs:
        if job.deed is not Deed.BACKUP or job.trigger not in _WAITING:
            continue
        members = list_members(loaded, job.class_name)
        if not members:
            continue
        done, state = past.read(job.name), observe(job).state
        if done is not None and state and done.saved == state:
            quiet |= members
            continue
        held = {name: newest[name] for name in members if name in newest}
        here = [each.catalog for each in held.values()]
        is_all_here = len(here) == len(members) and all(each.host == socket.gethostname() for each in here)
        if is_all_here and is_older_than(loaded, job.class_name, min(each.time_ms for each in here)):
            quiet |= members
            continue
        is_far = has_unseen_sources(loaded, job.class_name)  # whoever asks for a status does not wait for a cluster
        if stands_as_it_is is not None and not is_far and stands_as_it_is(job.class_name, held):
            quiet |= members
    return frozenset(quiet)
