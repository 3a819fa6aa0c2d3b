"""An exercise for people: what has happened is told, what to do is not, and a clock runs until they say it is done."""

import json
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rebond.durable_files import make_directories_durably, replace_durably
from rebond.entries import EntryKind
from rebond.operations.browsing import root_of, walk
from rebond.operations.drills.outcomes import Answer, Check, DrilledComponent
from rebond.operations.drills.rereading import Sample, reread
from rebond.operations.snapshots import time_of
from rebond.vault.access import Vault
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord

SCENARIOS = ("lost-service", "lost-server", "security-breach")
_FOLDER = "drills"  # below the state folder
_OF_ALL_STACKS = "exercise.json"  # where earlier versions wrote the one that was under way
UNKNOWN_AGE = -1.0
_NOT_SAVED = frozenset({"versioned", "regenerable", "ephemeral"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """One exercise under way. ``components`` have to be below ``target`` when it is over.

    ``snapshot`` is the one that has to be found; ``before_ms`` is all that people are told of it after a breach.
    ``ages`` is how much work would have been lost with each component when it began, where that is known.
    """

    scenario: str
    stack: str
    began_ms: int
    target: str
    snapshot: str
    components: tuple[str, ...]
    before_ms: int = 0
    ages: Mapping[str, float] = field(default_factory=dict)


def invent(records: Sequence[SnapshotRecord], scenario: str, *, stack: str, now_ms: int, folder: Path) -> Exercise:
    """Return an exercise: a scenario and what is lost in it, chosen by chance where nobody says.

    ``records`` are the whole sets of the stack, oldest first, and at least one.
    """
    scenario = scenario or random.choice(SCENARIOS)
    record, before_ms = records[-1], 0
    if scenario == "security-breach" and len(records) > 1:
        place = random.randrange(len(records) - 1)
        record, before_ms = records[place], time_of(records[place + 1])
    names = [each.name for each in record.catalog.components if each.complete and each.kind not in _NOT_SAVED]
    lost = (random.choice(names),) if scenario == "lost-service" else tuple(names)
    target = folder / f"rebond-exercise-{now_ms}"
    return Exercise(
        scenario=scenario,
        stack=stack,
        began_ms=now_ms,
        target=str(target),
        snapshot=record.snapshot.hex(),
        components=lost,
        before_ms=before_ms,
    )


def seal(state_folder: Path, exercise: Exercise) -> None:
    """Write an exercise down, until it is over. Raises ``OSError``."""
    path = _find_path(state_folder, exercise.stack)
    make_directories_durably(os.fspath(path.parent))
    replace_durably(os.fspath(path), json.dumps(asdict(exercise)).encode())


def find_sealed(state_folder: Path, stack: str) -> Exercise | None:
    """Return the exercise of a stack that is under way; ``None`` without one."""
    return next((found for _, found in _list_sealed(state_folder, stack)), None)


def end(state_folder: Path, stack: str) -> None:
    """Forget the exercise of a stack that is under way."""
    for path, _ in list(_list_sealed(state_folder, stack)):
        path.unlink(missing_ok=True)


def _list_sealed(state_folder: Path, stack: str) -> Iterator[tuple[Path, Exercise]]:
    """Yield what is written down of a stack, and where: that of its own first, then one from before an upgrade."""
    for path in (_find_path(state_folder, stack), state_folder / _FOLDER / _OF_ALL_STACKS):
        try:
            fields = json.loads(path.read_bytes())
            found = Exercise(**{**fields, "components": tuple(fields["components"])})
        except (OSError, ValueError, TypeError, KeyError):
            continue
        if found.stack == stack:
            yield path, found


def _find_path(state_folder: Path, stack: str) -> Path:
    """Return where an exercise is written down: people of two stacks on one machine exercise apart."""
    return state_folder / _FOLDER / f"exercise-{stack}.json"


def describe_lost(record: SnapshotRecord, exercise: Exercise) -> tuple[DrilledComponent, ...]:
    """Return what had to be brought back. How long each took is not known: people did it."""
    return tuple(
        DrilledComponent(
            name=each.name,
            kind=each.kind,
            files=each.files,
            bytes=each.bytes,
            age_seconds=exercise.ages.get(each.name, UNKNOWN_AGE),
        )
        for each in record.catalog.components
        if each.name in exercise.components
    )


def judge_exercise(vault: Vault, record: SnapshotRecord, exercise: Exercise) -> list[Check]:
    """Compare what people brought back with the snapshot that had to be found."""
    checks = []
    target = Path(exercise.target)
    with SnapshotReader(vault, record) as reader:
        for stored in reader.components:
            if stored.name not in exercise.components:
                continue
            place = target / stored.name
            if not place.is_dir():
                checks.append(_say_missing(stored.name, str(place)))
                continue
            sample, files = Sample(), 0
            prefix = stored.name.encode() + b"/"
            for item in walk(reader, root_of(stored)):
                if item.entry is not None and item.entry.kind == EntryKind.FILE:
                    files += 1
                    if files >= sample.next_file:
                        sample.take(files, prefix + item.path, item.entry)
            checks.append(reread(vault, record, stored.name, sample, os.fsencode(place), files))
    return checks


def _say_missing(component: str, place: str) -> Check:
    return Check(
        code="brought-back",
        subject=component,
        answer=Answer.FAIL,
        template="It was not brought back: there is no {place}.",
        hint_template="'rebond restore' puts each component below the directory that is named with --to.",
        values={"place": place},
    )
