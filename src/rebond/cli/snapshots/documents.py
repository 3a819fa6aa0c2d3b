"""How a snapshot is shown, to machines and to people."""

from collections.abc import Mapping, Sequence

from rebond.cli.output.speech import show_path, tr
from rebond.cli.output.tables import drop_empty, format_table
from rebond.cli.vaults.opening import VaultAtHand
from rebond.findings import Finding
from rebond.identifiers import SnapshotId
from rebond.operations.snapshots import SnapshotState, is_ahead, state_of, time_of
from rebond.units import format_iso, format_moment, format_size, format_span
from rebond.vault.holds import is_held, read_holds
from rebond.vault.snapshots import SnapshotRecord

SHORT_ID = 8
DECLARED = frozenset({"versioned", "regenerable", "ephemeral"})  # kinds of which nothing is saved but a note


def snapshot_document(
    record: SnapshotRecord,
    *,
    held: str | None = None,
    verified_ms: int | None = None,
    proven_ms: int | None = None,
    expires_ms: int | None = None,
    windows: list[dict[str, object]] | None = None,
) -> dict[str, object]:
    """Return the documented shape of one snapshot; ``docs/reference/json.md`` lists it.

    ``verified_ms`` is when all of its content had been read back, in milliseconds since 1970; ``proven_ms``
    when a drill had last brought all of it back; ``expires_ms`` from when on nothing keeps it; ``windows``
    which moments its data directories reach.
    """
    catalog = record.catalog
    components = catalog.components
    return {
        "id": record.snapshot.hex(),
        "time": format_iso(catalog.time_ms),
        "moment": format_iso(time_of(record)),
        "stack": catalog.stack,
        "host": catalog.host,
        "class": catalog.class_,
        "tags": list(catalog.tags),
        "note": catalog.note,
        "state": state_of(record).value,
        "components": [
            {
                "name": each.name,
                "kind": each.kind,
                "complete": each.complete,
                "degraded": each.degraded,
                "files": each.files,
                "bytes": each.bytes,
                "added_bytes": each.added_bytes,
            }
            for each in components
        ],
        "lacks": list(catalog.lacks),
        "files": sum(each.files for each in components),
        "bytes": sum(each.bytes for each in components),
        "added_bytes": sum(each.added_bytes for each in components),
        "held": (catalog.held if held is None else held) or None,
        "proven": None if proven_ms is None else format_iso(proven_ms),
        "verified": None if verified_ms is None else format_iso(verified_ms),
        "expires": None if expires_ms is None else format_iso(expires_ms),
        "window": windows,
        "parent": catalog.parent.hex() or None,
        "program": catalog.program,
        "problem_count": catalog.problems,
        "member": record.member.hex(),
    }


def held_reasons(vault: VaultAtHand, records: Sequence[SnapshotRecord]) -> dict[SnapshotId, str]:
    """Return why each snapshot that is held now is held."""
    holds = read_holds(vault.live, {record.snapshot for record in records})
    now_ms = vault.live.clock.now_ms()
    found = {}
    for record in records:
        hold = holds.get(record.snapshot)
        if is_held(record, hold, now_ms):
            found[record.snapshot] = (hold.body.reason if hold else record.catalog.held) or tr("held")
    return found


def snapshot_table(
    records: Sequence[SnapshotRecord], held: Mapping[SnapshotId, str], proven: Mapping[str, int] | None = None
) -> str:
    """Return one line for each snapshot."""
    heads = [
        tr("id"),
        tr("time"),
        tr("stack"),
        tr("class"),
        tr("tags"),
        tr("state"),
        tr("files"),
        tr("size"),
        tr("added"),
        tr("held"),
        tr("proven"),
    ]
    rows = []
    for record in records:
        components = record.catalog.components
        rows.append(
            [
                record.snapshot.hex()[:SHORT_ID],
                format_moment(time_of(record)),
                show_path(record.catalog.stack),
                show_path(record.catalog.class_),
                show_path(",".join(record.catalog.tags)),
                _state_cell(record),
                str(sum(each.files for each in components)),
                format_size(sum(each.bytes for each in components)),
                format_size(sum(each.added_bytes for each in components)),
                show_path(held.get(record.snapshot, "")),
                format_moment(proven_ms)[:10] if (proven_ms := (proven or {}).get(record.snapshot.hex())) else "",
            ]
        )
    return format_table(*drop_empty(heads, rows, "<<<<<<>>><<"))


def _state_cell(record: SnapshotRecord) -> str:
    """Return the state; with a sign where something could not be read or deserved a look."""
    word = _state_word(state_of(record))
    return f"{word} ({record.catalog.problems}!)" if record.catalog.problems else word


def _state_word(state: SnapshotState) -> str:
    words = {
        SnapshotState.WHOLE: tr("whole"),
        SnapshotState.PARTIAL: tr("partial"),
        SnapshotState.DEGRADED: tr("degraded"),
    }
    return words[state]


def describe_choice(record: SnapshotRecord, now_ms: int) -> str:
    """Return which snapshot it is: id, age, what it holds."""
    components = record.catalog.components
    age_ms = now_ms - time_of(record)
    values = {
        "id": record.snapshot.hex()[:SHORT_ID],
        "moment": format_moment(time_of(record)),
        "age": format_span(abs(age_ms) / 1000),
        "names": show_path(", ".join(saved_names(record))),
        "files": sum(each.files for each in components),
        "size": format_size(sum(each.bytes for each in components)),
    }
    text = (
        tr(
            "Snapshot {id} of {moment}, dated {age} ahead of this machine's clock: {names}, {files} files, {size}. "
            "Newer ones may be dated earlier.",
            **values,
        )
        if is_ahead(record, now_ms)
        else tr(
            "Snapshot {id} of {moment}, {age} old: {names}, {files} files, {size}.",
            **values | {"age": format_span(max(0, age_ms) / 1000)},
        )
    )
    if not record.catalog.problems:
        return text
    found = tr(
        "When it was made, {count} problems were noticed; 'rebond history' on {host} lists them.",
        count=record.catalog.problems,
        host=show_path(record.catalog.host),
    )
    return f"{text}\n{found}"


def saved_names(record: SnapshotRecord) -> list[str]:
    """Return the components that something is saved of: not what failed, nor what is only written down."""
    return [each.name for each in record.catalog.components if each.complete and each.kind not in DECLARED]


def describe_declared(record: SnapshotRecord) -> str:
    """Return the components of which the snapshot only says how they come back; empty where there is none."""
    names = [each.name for each in record.catalog.components if each.complete and each.kind in DECLARED]
    if not names:
        return ""
    return tr("Written down and not saved, as the configuration says: {names}.", names=show_path(", ".join(names)))


def describe_state(record: SnapshotRecord) -> str:
    """Return what a snapshot that is not whole lacks, and what follows from it; empty for a whole one."""
    components = record.catalog.components
    match state_of(record):
        case SnapshotState.PARTIAL:
            return tr(
                "It is partial, without {names}: never the latest, and not counted by what is kept.",
                names=show_path(", ".join(each.name for each in components if not each.complete)),
            )
        case SnapshotState.DEGRADED:
            return tr(
                "It is degraded, files that a database names are missing in {names}: never the latest, and not counted "
                "by what is kept.",
                names=show_path(", ".join(each.name for each in components if each.degraded)),
            )
        case SnapshotState.WHOLE:
            return ""


def describe_problems(findings: Sequence[Finding]) -> str:
    """Return one line that says how much went wrong."""
    return tr("To look at, listed above: {count}.", count=len(findings))
