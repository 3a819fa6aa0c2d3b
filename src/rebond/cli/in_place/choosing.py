"""What a restore in place brings back: which components, from which snapshots, and how much that is."""

from collections.abc import Mapping, Sequence
from typing import Any

from rebond.cli.drills.proofs import describe_chosen
from rebond.cli.in_place.following import LATEST, NOTHING, Followed, find_position, is_position
from rebond.cli.in_place.sources import MAIN, Sources
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.output.speech import tr
from rebond.cli.snapshots.choosing import choose_snapshot
from rebond.cli.snapshots.named import list_places, refuse_moment, require_components
from rebond.cli.snapshots.parts import choose_parts
from rebond.clock import SystemClock
from rebond.config.components import NOTHING_TO_SAVE, Component, Postgres
from rebond.config.model import Loaded
from rebond.errors import StoreError, UnknownName, UsageError, VaultError
from rebond.operations.measuring_part import PartMeasure
from rebond.operations.recovery.choosing import choose_records, find_reference
from rebond.operations.recovery.parts import Source
from rebond.operations.selection import Selection
from rebond.operations.snapshots import time_of
from rebond.stack.recovering import holds_data
from rebond.stack.recovery_wishes import ChosenPart, RecoveryWish
from rebond.units import format_moment, parse_last_moment, parse_moment, pin_moment
from rebond.vault.snapshots import ComponentSummary, SnapshotRecord


def choose_parts_to_bring(
    invocation: Invocation,
    loaded: Loaded,
    sources: Sources,
    words: Sequence[str],
    moment: str | None,
    wishes: Mapping[str, Any],
) -> RecoveryWish:
    """Return what is wanted, with its sizes; say what was chosen. Raises ``UnknownName`` and ``UsageError``."""
    stack = wishes["stack"] or loaded.configuration.stack.name
    followed = NOTHING
    if moment is None:
        record = choose_snapshot(sources.main, words[0] if words else "latest", stack=stack, records=sources.records())
        note(invocation, describe_chosen(invocation, record))
        names, records = words[1:], {each.name: record for each in record.catalog.components}
    else:
        names, (followed, records) = words, _take_moment(invocation, loaded, sources, words, moment, stack)
        record = max(records.values(), key=time_of)
    picked = choose_parts(invocation, record, names, wishes["include"])
    wanted = picked.components or tuple(records)
    if wishes["table"] or wishes["schema"]:
        wanted = (_choose_database(loaded, picked.components, records),)
    require_components(wanted, records.keys(), sources.records(), stack=record.catalog.stack, places=list_places({}))
    chosen = [
        part
        for name in wanted
        if (part := _choose(invocation, loaded, sources, name, records, picked.include, wishes, followed)) is not None
    ]
    if sources.left_out and (picked.components or not chosen):
        raise sources.left_out[0]
    if not chosen:
        raise _nothing_to_bring(loaded, wanted)
    return RecoveryWish(
        chosen=tuple(chosen),
        scenario=wishes.get("scenario") or "",
        keeps_owner=not wishes["no_owner"],
        takes_other_cluster=wishes["other_cluster"],
        workers=wishes["jobs"],
    )


def _nothing_to_bring(loaded: Loaded, names: Sequence[str]) -> UnknownName:
    """Return why nothing comes back: it is not in the snapshot, or of what is meant nothing is ever saved."""
    components = loaded.configuration.component
    if names and all(isinstance(components.get(each), NOTHING_TO_SAVE) for each in names):
        return UnknownName(
            "Nothing of {components} is saved, as the configuration says: there is nothing to restore.",
            hint="What is regenerable is made anew by its own command, and by a restore of everything: rebond restore "
            "latest --in-place",
            components=", ".join(names),
        )
    return UnknownName(
        "Nothing in this snapshot is what was asked for.", hint="'rebond ls -r SNAPSHOT' lists what it holds."
    )


def _take_moment(
    invocation: Invocation, loaded: Loaded, sources: Sources, names: Sequence[str], moment: str, stack: str
) -> tuple[Followed, dict[str, SnapshotRecord]]:
    """Return the moment that logs are followed to, and the newest snapshot of each component that is not younger."""
    now_ms, zone = SystemClock().now_ms(), sources.main.configured.zone
    is_latest = moment == "latest"
    if is_position(moment):
        followed = find_position(sources, loaded, names, moment, stack, now_ms)
        until_ms = followed.moment_ms
    else:
        try:
            until_ms = parse_last_moment(moment, now_ms=now_ms, zone=zone)
        except UsageError as error:
            raise refuse_moment(error, moment, sources.records()) from None
        pinned = pin_moment(moment, now_ms=now_ms, zone=zone)
        followed = Followed(text=pinned, moment_ms=parse_moment(pinned, now_ms=0))
    if not is_latest:
        note(invocation, tr("As of {moment}.", moment=format_moment(until_ms, zone)))
    records = choose_records(sources.records(), until_ms, stack=stack)
    if not records:
        raise UnknownName(
            "There is no whole snapshot of this stack of that moment or earlier.",
            hint="'rebond snapshots' lists them with their times.",
        )
    sources.main.doubts.judge(
        max(records.values(), key=time_of), [each for each in sources.records() if time_of(each) > until_ms]
    )
    return followed, records


def choose_all(
    invocation: Invocation,
    loaded: Loaded,
    sources: Sources,
    records: Mapping[str, SnapshotRecord],
    target: str,
) -> tuple[ChosenPart, ...]:
    """Return components, whole, each from its own snapshot. Raises ``UsageError`` when there is none.

    ``target`` is the moment of servers with a log: a time as ``pin_moment`` writes it, or ``latest``.
    """
    followed = Followed(text=target, moment_ms=0 if target == LATEST else parse_moment(target, now_ms=0))
    parts = (
        _choose(invocation, loaded, sources, name, records, (), {"include": (), "exclude": ()}, followed)
        for name in records
    )
    chosen = tuple(each for each in parts if each is not None)
    if sources.left_out and not chosen:
        raise sources.left_out[0]
    if not chosen:
        raise UsageError(
            "The snapshot {id} holds nothing that this configuration has a place for.",
            hint="'rebond ls -r SNAPSHOT' lists what it holds.",
            id=next((each.snapshot.hex()[:12] for each in records.values()), "–"),
        )
    return chosen


def _choose(
    invocation: Invocation,
    loaded: Loaded,
    sources: Sources,
    name: str,
    records: Mapping[str, SnapshotRecord],
    include: Sequence[str],
    wishes: Mapping[str, Any],
    moment: Followed,
) -> ChosenPart | None:
    """Return one component as it is wanted; ``None`` when nothing of it is, or it holds nothing."""
    component = _find_component(invocation, loaded, name)
    if component is None or not holds_data(component):
        return None
    found = _follow(sources, name, records[name])
    if found is None:
        return None
    vault, source = found
    tables, schemas = tuple(wishes.get("table", ())), tuple(wishes.get("schema", ()))
    summary = _require_whole(source, name)
    is_physical = isinstance(component, Postgres) and component.method == "physical"
    if (tables or schemas) and not is_physical:
        from rebond.operations.recovery.chosen_tables import measure_tables

        with source.reading() as reader:
            measured: tuple[int, int] | None = measure_tables(reader, name, tables, schemas)
    else:
        measured = _measure(source, summary, include, wishes["exclude"])
    if measured is None:
        return None
    files, size_bytes = measured
    prefix = f"/{name}/"
    followed = moment.text if isinstance(component, Postgres) and component.wal else ""
    return ChosenPart(
        name=name,
        snapshot=source.record.snapshot.hex(),
        moment_ms=time_of(source.record) if followed in {"", LATEST} else moment.moment_ms,
        vault=vault,
        include=tuple(include),
        exclude=tuple(wishes["exclude"]),
        parts=tuple(each.removeprefix(prefix) for each in include if each.startswith(prefix) and not wishes["include"]),
        files=files,
        bytes=size_bytes,
        target=followed,
        tables=tables,
        schemas=schemas,
    )


def _choose_database(loaded: Loaded, named: Sequence[str], records: Mapping[str, SnapshotRecord]) -> str:
    """Return the one component whose tables are meant. Raises ``UsageError``."""
    components = loaded.configuration.component
    databases = [name for name in named or records if isinstance(components.get(name), Postgres)]
    if len(databases) != 1 or len(named) > 1:
        raise UsageError(
            "Of which component is the table? In its place it comes back into one database.",
            hint="Name it: {known}." if databases else "None of them is a PostgreSQL database.",
            known=", ".join(databases),
        )
    return databases[0]


def _find_component(invocation: Invocation, loaded: Loaded, name: str) -> Component | None:
    """Return what the configuration says of a component; one of which it says nothing is told."""
    component = loaded.configuration.component.get(name)
    if component is None:
        note(
            invocation,
            tr("{component} is not in the configuration, so it has no place to come back to.", component=name),
        )
    return component


def _require_whole(source: Source, name: str) -> ComponentSummary:
    """Return what the snapshot lists of a component. Raises ``UsageError`` where that is not all of it."""
    summary = next(each for each in source.record.catalog.components if each.name == name)
    if not summary.complete:
        raise UsageError(
            "The component {component} is not whole in the snapshot {id}.",
            hint="Choose another snapshot: 'rebond snapshots --component {component}' lists them.",
            component=name,
            id=source.record.snapshot.hex()[:12],
        )
    return summary


def _follow(sources: Sources, name: str, record: SnapshotRecord) -> tuple[str, Source] | None:
    """Return the vault's name and the snapshot that really hold a component; ``None`` where they cannot be had."""
    source = sources.source_of(MAIN, record)
    reference = find_reference(source, name)
    if reference is None:
        return MAIN, source
    vault = str(reference.get("vault", ""))
    if vault == "vault":
        return MAIN, sources.find(MAIN, str(reference.get("snapshot", "")))
    try:
        return vault, sources.find(vault, str(reference.get("snapshot", "")))
    except (VaultError, StoreError, UsageError) as error:
        sources.leave_out(name, vault, error)
        return None


def _measure(
    source: Source, summary: ComponentSummary, include: Sequence[str], exclude: Sequence[str]
) -> tuple[int, int] | None:
    """Return how many files and bytes of a component are wanted; ``None`` for none.

    Whether their content can be had is found out when it is fetched, which is before anything live is touched.
    """
    if not include and not exclude:
        return summary.files, summary.bytes
    with source.reading() as reader:
        measure = PartMeasure(reader, summary.name, Selection.from_flags(include, exclude))
    return None if measure.is_empty else (measure.files, measure.bytes)
