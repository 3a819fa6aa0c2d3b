"""The verb ``restore --to``: put files back, each segment read once, in little memory."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from rebond.errors import RestoreError, TargetNotEmpty, TargetUnsafe, UnknownName
from rebond.findings import Finding, Severity
from rebond.operations.restore_comparing import Comparison, TargetComparison
from rebond.operations.restore_findings import show_bytes
from rebond.operations.restore_planning import Draw, RestorePlan, RestoreRequest
from rebond.private_folders import PrivateFolder
from rebond.progress import Observer, Silence
from rebond.sources.files.target import NOT_RESTORED
from rebond.units import format_size
from rebond.vault.access import Vault
from rebond.vault.local_vaults import find_vault_around
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord
from rebond.vault.trees import StoredEntry

_NOT_THERE = frozenset({"in-the-way", NOT_RESTORED, "file-damaged"})  # findings of files that are not read back then


class RestoreOutcome(Struct, frozen=True, kw_only=True):
    """What was put back, or would be where nothing was written."""

    record: SnapshotRecord
    target: bytes
    files: int
    directories: int
    size_bytes: int
    seconds: float
    findings: tuple[Finding, ...] = ()
    compared: Comparison | None = None

    @property
    def is_damaged(self) -> bool:
        """Whether something could not be put back because the vault is damaged: exit status 4."""
        return any(f.severity is Severity.DAMAGE for f in self.findings)

    @property
    def unwritten(self) -> tuple[Finding, ...]:
        """What could not be written here, though the vault has it whole."""
        return tuple(each for each in self.findings if each.code == NOT_RESTORED)

    @property
    def is_doubtful(self) -> bool:
        """Whether something could not be put back as it was: exit status 3."""
        return any(f.severity is not Severity.NOTE for f in self.findings)


def restore(
    vault: Vault,
    record: SnapshotRecord,
    request: RestoreRequest,
    observer: Observer,
    planned: Callable[[bytes, StoredEntry], None] | None = None,
    surplus: Callable[[bytes], None] | None = None,
    opened: SnapshotReader | None = None,
    drawn: Draw | None = None,
) -> RestoreOutcome:
    """Put the wanted part of a snapshot below ``request.target``, under a directory for each component.

    ``planned`` hears every path that is to be written, with its entry; ``surplus`` every path below the target
    that the snapshot does not have, where ``sets_aside`` asks for these. ``opened`` is a reader of the snapshot
    that whoever restores several parts of it keeps open; ``drawn`` draws some of the files. Raises ``TargetNotEmpty``
    when something is there and ``overwrite`` says nothing about it, ``RestoreError`` when there is
    no room or the target fails, ``UnknownName`` when nothing fits. What cannot be put back is a
    finding, and everything else is restored all the same.
    """
    began = vault.clock.monotonic()
    _check_target(request)
    is_new = not os.path.lexists(request.target)
    with _reading(vault, record, opened) as reader, PrivateFolder("restore") as scratch:
        if not request.selection.includes:
            reader.expect_many_finds()
        if not request.dry_run and request.overwrite is None:
            _check_room(reader, request, scratch / "rehearsal")
        with RestorePlan(reader, request, observer, scratch, planned, drawn) as run:
            run.plan()
            if not run.selected:
                if is_new:
                    with contextlib.suppress(OSError):  # only what is empty goes
                        os.rmdir(request.target)
                raise UnknownName(
                    "Nothing in this snapshot is what was asked for.",
                    hint="'rebond ls -r SNAPSHOT' lists what it holds.",
                )
            if request.dry_run:
                run.finish()
            else:
                run.write()
            compared = None
            if request.sets_aside or (request.reads_back and not request.dry_run):
                aside = f".rebond-aside-{vault.clock.now_ms()}".encode()
                comparison = TargetComparison(
                    reader,
                    request,
                    run.notice,
                    surplus or _hear_nothing,
                    aside_name=aside,
                    collided=run.collided,
                    told=frozenset(each.subject for each in run.findings if each.code in _NOT_THERE),
                )
                compared = comparison.run()
        return RestoreOutcome(
            record=record,
            target=request.target,
            files=run.files,
            directories=run.directory_count,
            size_bytes=run.planned_bytes,
            seconds=vault.clock.monotonic() - began,
            findings=run.findings,
            compared=compared,
        )


def _reading(
    vault: Vault, record: SnapshotRecord, opened: SnapshotReader | None
) -> contextlib.AbstractContextManager[SnapshotReader]:
    return SnapshotReader(vault, record) if opened is None else contextlib.nullcontext(opened)


def _hear_nothing(_: bytes) -> None:
    """For those who only want the sum."""


def _check_target(request: RestoreRequest) -> None:
    around = find_vault_around(os.fsdecode(request.target))
    if around is not None:
        raise TargetUnsafe(
            "{target} lies in the vault at {vault}; nothing was written.",
            hint="Name a directory outside of every vault.",
            target=show_bytes(request.target),
            vault=around,
        )
    try:
        with os.scandir(request.target) as entries:
            is_empty = next(entries, None) is None
    except FileNotFoundError:
        return
    except OSError as error:
        raise RestoreError(
            "{target} cannot be restored into: {reason}",
            hint="Name a directory that this user may write to.",
            target=show_bytes(request.target),
            reason=error.strerror,
        ) from error
    if not is_empty and request.overwrite is None:
        raise TargetNotEmpty(
            "{target} is not empty; nothing was written.",
            hint="Name an empty or new directory, or choose --overwrite never, changed or always. 'changed' goes on "
            "with a restore that was cut.",
            target=show_bytes(request.target),
        )


def _check_room(reader: SnapshotReader, request: RestoreRequest, scratch: Path) -> None:
    """Refuse while nothing is written yet what cannot fit."""
    place = request.target
    while not os.path.isdir(place):
        place = os.path.dirname(place) or b"."
    found = os.statvfs(place)
    free_bytes = found.f_bavail * found.f_frsize
    components = reader.record.catalog.components
    if sum(c.bytes for c in components if not request.components or c.name in request.components) <= free_bytes:
        return
    # Sizes in the catalog count holes and second names, and perhaps not everything is wanted: look closer.
    scratch.mkdir()
    with RestorePlan(reader, replace(request, dry_run=True), Silence(), scratch) as rehearsal:
        rehearsal.plan()
        needed_bytes = rehearsal.planned_bytes
    if needed_bytes > free_bytes:
        raise RestoreError(
            "{target} has room for {free} of the {needed} to be restored; nothing was written.",
            hint="Free some space there, restore elsewhere, or choose less with --include.",
            target=show_bytes(request.target),
            free=format_size(free_bytes),
            needed=format_size(needed_bytes),
        )
