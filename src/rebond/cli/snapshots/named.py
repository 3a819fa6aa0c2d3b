"""Components that a snapshot lacks, and words in the wrong place: what was most likely meant, as a command."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rebond.errors import UnknownName, UsageError
from rebond.units import format_moment

if TYPE_CHECKING:
    from rebond.vault.snapshots import SnapshotRecord


def require_components(
    named: Sequence[str],
    held: Collection[str],
    records: "Sequence[SnapshotRecord]",
    *,
    stack: str,
    places: Sequence[str],
) -> None:
    """Raise ``UnknownName`` for a component that is not ``held``, with the newest snapshot of the stack that has it.

    ``places`` are the words of a restore that say where things go.
    """
    from rebond.operations.snapshots import time_of

    missing = next((each for each in named if each not in held), None)
    if missing is None:
        return
    having = [each for each in records if each.catalog.stack == stack and missing in _whole_ones(each)]
    if not having:
        raise UnknownName(
            "The snapshot has no component {missing}.",
            hint="It has: {known}. What lies in one is named with --include.",
            missing=missing,
            known=", ".join(sorted(held)),
        )
    newest = max(having, key=lambda each: (time_of(each), each.catalog.sequence))
    raise UnknownName(
        "The snapshot has no component {missing}.",
        hint="The newest one that has it is of {moment}: {command}",
        missing=missing,
        moment=format_moment(time_of(newest)),
        command=shlex.join(["rebond", "restore", newest.snapshot.hex()[:12], missing, *places]),
    )


def list_places(wishes: Mapping[str, Any], target: object = None) -> list[str]:
    """Return the words of a restore that say where things go."""
    if target is not None:
        return ["--to", str(target)]
    return ["--into", wishes["into"]] if wishes.get("into") else ["--in-place"]


def refuse_moment(error: UsageError, moment: str, records: "Sequence[SnapshotRecord]") -> UsageError:
    """Return why a text is no moment: where it is a component, that it stands in the wrong place."""
    if moment not in {part.name for each in records for part in each.catalog.components}:
        return error
    return UsageError(
        "--at is followed by a moment, and {word} is a component.",
        hint="Write the moment behind --at, and the component behind that: --at '2026-02-04 14:32' {word}",
        word=moment,
    )


def _whole_ones(record: "SnapshotRecord") -> set[str]:
    return {each.name for each in record.catalog.components if each.complete}
