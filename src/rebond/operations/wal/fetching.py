"""Out of the vault: one file of a write-ahead log, checked; or the proof that it is not there.

To PostgreSQL "not there" means the end of the log: it promotes, and what came after is lost. So it is said only where
nothing later is known.
"""

import contextlib
from collections.abc import Iterable, Mapping

from rebond.errors import ForeignObject, ObjectMissing, UsageError, VaultDamaged, WalGap, WrongKey
from rebond.findings import Finding, Severity
from rebond.identifiers import ObjectName
from rebond.operations.wal.coverage import Coverage, find_stored, read_whole, survey_wal
from rebond.operations.wal.tails import list_tails, read_tail
from rebond.sources.postgres.wal_names import (
    Switch,
    cut_history,
    history_name,
    is_archived,
    is_history,
    is_segment,
    parse_history,
    parse_segment_name,
    stream_of_cluster,
    stream_of_segments,
    timeline_of,
)
from rebond.sources.postgres.wal_pages import check_segment, read_first_page
from rebond.store.protocol import ObjectInfo
from rebond.vault.access import Vault
from rebond.vault.streams import read_stored


def fetch_wal(vault: Vault, system_id: int, name: str) -> bytes | None:
    """Return a file that a cluster archived; ``None`` when it is proven that it never came and nothing later did.

    Raises ``WalGap`` for one that is missing within what is there, ``VaultDamaged`` for one that is not what was
    archived, ``RoleTooSmall`` for a key that may not read, ``StoreError``.
    """
    vault.credentials.sealing_seed(vault.roster.epoch)  # says in words that it takes the owner's key
    if not is_archived(name):
        return None
    stream = stream_of_segments(system_id, timeline_of(name)) if is_segment(name) else stream_of_cluster(system_id)
    content = _read(vault, name, find_stored(vault, stream, name))
    if content is not None:
        if is_segment(name):
            _check_content(system_id, name, content)
        return content
    return _find_substitute(vault, system_id, name)


def fetch_whole_segment(vault: Vault, system_id: int, name: str) -> bytes | None:
    """Return a segment that is there as a whole; ``None`` for every other: more of it may come until it is asked for.

    Raises as ``fetch_wal`` does.
    """
    stream = stream_of_segments(system_id, timeline_of(name))
    return fetch_wal(vault, system_id, name) if find_stored(vault, stream, name) else None


def read_history(vault: Vault, system_id: int, timeline: int) -> tuple[Switch, ...]:
    """Return where a timeline comes from; empty for the first. Raises ``WalGap``, and as ``fetch_wal`` does."""
    if timeline == 1:
        return ()
    name = history_name(timeline)
    content = _read(vault, name, find_stored(vault, stream_of_cluster(system_id), name))
    if content is None:
        content = _cut_out_of_later(vault, survey_wal(vault, system_id), timeline)
    if content is None:
        raise WalGap(
            "{name} is missing in the vault: nobody can tell where timeline {timeline} comes from.",
            hint="The server that made the timeline still has it in pg_wal: push it by hand with rebond-wal.",
            name=name,
            timeline=timeline,
        )
    return parse_history(content)


def read_ways(vault: Vault, coverage: Coverage, tails: Iterable[str]) -> Mapping[int, tuple[Switch, ...]]:
    """Return where each timeline comes from of which a segment is there, as far as the vault proves it.

    ``tails`` name the segments of which the beginning is there. Nothing for a key that may not read. Raises
    ``StoreError``.
    """
    ways: dict[int, tuple[Switch, ...]] = {}
    for timeline in sorted({*coverage.timelines, *map(timeline_of, tails)}) if vault.can_read() else ():
        with contextlib.suppress(WalGap, VaultDamaged, UsageError):
            ways[timeline] = read_history(vault, coverage.system_id, timeline)
    return ways


def _read(vault: Vault, name: str, places: list[ObjectInfo]) -> bytes | None:
    """Return the content of an item out of the domains that have it. Where two differ, nobody knows which is right."""
    contents: set[bytes] = set()
    fault: VaultDamaged | ForeignObject | WrongKey | None = None
    for info in places:
        try:
            _, content = read_whole(vault, info)
        except ObjectMissing:  # it went since it was looked at
            continue
        except (VaultDamaged, ForeignObject, WrongKey) as error:
            fault = error
            vault.report(_damaged(name, info.name, error.message))
            continue
        if content is not None:
            contents.add(content)
    if len(contents) > 1:
        raise VaultDamaged(
            "Two writers archived {name} with different contents.",
            hint="One of them was a copy of the server. Shut the wrong one out with 'rebond key revoke LABEL'.",
            name=name,
        )
    if contents:
        return contents.pop()
    if fault is not None:
        raise fault
    return None


def _check_content(system_id: int, name: str, content: bytes) -> None:
    page = read_first_page(name, content)
    check_segment(name, len(content), page)
    if page.system_id != system_id:
        raise VaultDamaged(
            "{name} in the vault is of the cluster {found}, not of {wanted}.",
            name=name,
            found=page.system_id,
            wanted=system_id,
        )


def _find_substitute(vault: Vault, system_id: int, name: str) -> bytes | None:
    """Return what stands for a file that is not there, or ``None`` when nothing later than it is known."""
    # Before what is whole: whose beginning is in this list came when all before it was there, if it ever came.
    begun = list_tails(vault, system_id) if is_segment(name) else ()
    coverage = survey_wal(vault, system_id)
    if is_history(name):
        found = _cut_out_of_later(vault, coverage, timeline_of(name))
        if found is None:
            _require_last_history(coverage, name)
        return found
    if not is_segment(name):
        return None
    if coverage.segment_bytes:
        timeline, number = parse_segment_name(name, coverage.segment_bytes)
        if not coverage.missing(timeline, number, number):  # it came since it was looked for
            return fetch_wal(vault, system_id, name)
        _require_beyond_end(vault, coverage, name)
    _require_no_later_tail(begun, name)
    contents = [
        read_stored(vault, ObjectName(each.object_name)) for each in coverage.files if each.name == f"{name}.partial"
    ]
    if contents:
        vault.report(_served_partial(name))
    tail = read_tail(vault, system_id, name, coverage.segment_bytes)
    if tail is not None:
        contents.append(tail.ljust(coverage.segment_bytes or read_first_page(name, tail).segment_bytes, b"\0"))
    if not contents:
        return None
    content = max(contents, key=lambda each: len(each.rstrip(b"\0")))
    _check_content(system_id, name, content)
    return content


def _cut_out_of_later(vault: Vault, coverage: Coverage, timeline: int) -> bytes | None:
    """Return a history that is not there as the later ones have it; ``None`` where none has, or two have others."""
    found: set[bytes] = set()
    for later in coverage.histories:
        if later > timeline:
            name = history_name(later)
            content = _read(vault, name, find_stored(vault, stream_of_cluster(coverage.system_id), name))
            cut = cut_history(content, timeline) if content is not None else None
            found |= {cut} if cut is not None else set()
    return found.pop() if len(found) == 1 else None


def _require_last_history(coverage: Coverage, name: str) -> None:
    """Raise ``WalGap`` for a history that has to be there, because its timeline, or a later one, is known."""
    timeline = timeline_of(name)
    later = [each for each in (*coverage.timelines, *coverage.histories) if each >= timeline > 1]
    if later:
        raise WalGap(
            "{name} is missing in the vault, but timeline {later} is there.",
            hint="The server that made the timeline still has it in pg_wal: push it by hand with rebond-wal.",
            name=name,
            later=max(later),
        )


def _require_beyond_end(vault: Vault, coverage: Coverage, name: str) -> None:
    """Raise ``WalGap`` for a segment before the end of what is known of its timeline, or of one that left it later."""
    timeline, number = parse_segment_name(name, coverage.segment_bytes)
    found = coverage.timelines.get(timeline)
    if found is not None and _find_begin(vault, coverage, timeline, found.first) < number < found.last:
        raise _gap(name, timeline, found.last)
    for child in coverage.histories:
        if child <= timeline:
            continue
        switches = read_history(vault, coverage.system_id, child)
        switch = next((each for each in switches if each.timeline == timeline), None)
        # The segment of the switch itself is the child's: its own begins with a copy of it.
        if switch is not None and number < switch.lsn // coverage.segment_bytes:
            first = found.first if found is not None else None
            if first is None or number > first:
                raise _gap(name, child, switch.lsn // coverage.segment_bytes)


def _require_no_later_tail(begun: Iterable[str], name: str) -> None:
    """Raise ``WalGap`` for a segment that is not there as a whole, though the beginning of a later one is."""
    behind = [each for each in begun if each[:8] == name[:8] and each > name]
    if behind:
        raise WalGap(
            "{name} is missing in the vault, though the beginning of {later} is there.",
            hint="Recovery cannot go past it. 'rebond wal status' lists every gap; restore to a moment before this "
            "one.",
            name=name,
            later=min(behind),
        )


def _find_begin(vault: Vault, coverage: Coverage, timeline: int, first: int) -> int:
    """Return the number behind which nothing of a timeline may be missing: it begins in the segment of its switch."""
    if timeline not in coverage.histories:
        return first
    switches = read_history(vault, coverage.system_id, timeline)
    return min(first, switches[-1].lsn // coverage.segment_bytes - 1) if switches else first


def _gap(name: str, timeline: int, last: int) -> WalGap:
    return WalGap(
        "{name} is missing in the vault, though later ones are there (timeline {timeline}, up to number {last}).",
        hint="Recovery cannot go past it. 'rebond wal status' lists every gap; restore to a moment before this one.",
        name=name,
        timeline=timeline,
        last=last,
    )


def _damaged(name: str, object_name: str, reason: str) -> Finding:
    return Finding(
        code="wal-damaged",
        severity=Severity.DAMAGE,
        subject=object_name,
        template="{name} in the vault is damaged: {reason}",
        hint_template="Run 'rebond verify --read-data'. Another copy of the vault may have it whole.",
        values={"name": name, "reason": reason},
    )


def _served_partial(name: str) -> Finding:
    return Finding(
        code="wal-partial",
        severity=Severity.NOTE,
        subject=name,
        template="{name} was never finished; what there is of it is used.",
        values={"name": name},
    )
