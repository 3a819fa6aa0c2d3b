"""The verb ``export``: a component of a snapshot as a file that stock tools read, without a temporary copy."""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO

from rebond.archives.deflating import Deflater
from rebond.archives.encrypting import encrypted_sink
from rebond.archives.new_files import SUMS, new_file
from rebond.archives.packing import Member, Misfit, compressed_sink, write_tar, write_zip
from rebond.archives.seven_zip import write_seven_zip
from rebond.entries import EntryKind
from rebond.errors import UnknownName, UsageError
from rebond.findings import Finding, Severity
from rebond.operations.browsing import content_of, root_of, walk
from rebond.operations.diffing import Change, diff_component
from rebond.operations.export_requests import OF_DATABASES, Encryption, ExportRequest, Format
from rebond.operations.saved_databases import SharedSegments, list_databases
from rebond.progress import Advance, Observer
from rebond.secret import Secret
from rebond.sources.postgres.custom_dump import write_custom
from rebond.sources.postgres.plain_dump import write_plain
from rebond.sources.postgres.saved import SavedDatabase
from rebond.vault.access import Vault
from rebond.vault.kept_segments import KeptSegments
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord

_UNPACK_WITH_ATTRIBUTES = "tar --xattrs --xattrs-include='*' --acls -xpf FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOutcome:
    """What was written. ``size_bytes`` is 0 where that cannot be known, on standard output.

    ``removed`` are paths that are there no more since the snapshot that an export begins at.
    """

    paths: tuple[str, ...]
    size_bytes: int
    findings: tuple[Finding, ...] = ()
    removed: tuple[bytes, ...] = ()

    @property
    def is_doubtful(self) -> bool:
        """Whether something by its name is not in the file, or not as it is: exit status 3."""
        return any(each.severity is not Severity.NOTE for each in self.findings)


def list_exports(vault: Vault, record: SnapshotRecord, request: ExportRequest) -> list[str]:
    """Return the databases of a component, each a file of its own; one empty name for any other component."""
    if request.format not in OF_DATABASES:
        return [""]
    with SnapshotReader(vault, record) as reader, SharedSegments(reader, workers=1) as segments:
        return [each.name for each in list_databases(reader, segments, request.component)]


def export_to_file(
    vault: Vault, record: SnapshotRecord, request: ExportRequest, path: str, observer: Observer
) -> ExportOutcome:
    """Write a component to a new file, which is whole or not there. Raises ``TargetNotEmpty``, ``RestoreError``."""
    with new_file(path, has_checksum=request.has_checksum) as sink:
        outcome = export_to(vault, record, request, sink, observer)
    return replace(outcome, paths=list_written([path], request), size_bytes=os.stat(path).st_size)


def list_written(paths: Iterable[str], request: ExportRequest) -> tuple[str, ...]:
    """Return the paths with those of their sums."""
    return tuple(name for path in paths for name in ((path, path + SUMS) if request.has_checksum else (path,)))


def export_to(
    vault: Vault, record: SnapshotRecord, request: ExportRequest, sink: BinaryIO, observer: Observer
) -> ExportOutcome:
    """Write a component as a stream. Raises ``UnknownName``, ``UsageError``, ``VaultError`` and ``OSError``."""
    if request.since is not None and request.format in OF_DATABASES:
        raise UsageError(
            "A database is always exported whole.", hint="Leave --since out: it is for the files of a component."
        )
    with ExitStack() as held:
        reader = held.enter_context(SnapshotReader(vault, record))
        reader.expect_many_finds()
        segments = held.enter_context(SharedSegments(reader, workers=request.threads))
        deflater = held.enter_context(Deflater(threads=request.threads, level=request.level))
        if request.format in OF_DATABASES:
            saved = _choose_database(list_databases(reader, segments, request.component), request.database)
            write_database(saved, sink, request, deflater, made_ms=record.catalog.time_ms)
            return ExportOutcome(paths=(), size_bytes=0)
        members = _list_members(reader, request.component, observer)
        removed: list[bytes] = []
        if request.since is not None:
            since = held.enter_context(SnapshotReader(vault, request.since))
            members = _leave_unchanged_out(members, _find_changed(since, reader, request.component, removed))
        findings = pack_members(members, sink, request, deflater)
    for finding in findings:
        observer.noticed(finding)
    return ExportOutcome(paths=(), size_bytes=0, findings=findings, removed=tuple(removed))


def _find_changed(before: SnapshotReader, after: SnapshotReader, component: str, removed: list[bytes]) -> set[bytes]:
    """Return the paths that came or changed, also those whose rights or owner did; add those that went."""
    begin = component.encode() + b"/"
    changed = set()
    for each in diff_component(before, after, component):
        path = each.path.removeprefix(begin)
        if each.change is Change.REMOVED:
            removed.append(path)
        else:
            changed.add(path)
    return changed


def _leave_unchanged_out(members: Iterator[Member], changed: set[bytes]) -> Iterator[Member]:
    return (each for each in members if each.path in changed)


def write_database(
    saved: SavedDatabase, sink: BinaryIO, request: ExportRequest, deflater: Deflater, *, made_ms: int
) -> None:
    """Write one database in the form that is wanted. Raises ``UsageError``, ``OSError`` and what its files raise."""
    with _encrypted(sink, request) as place:
        if request.format is Format.DUMP:
            write_custom(saved, place, deflater.zlib, made_ms=made_ms)
        else:
            place.writelines(deflater.gzip(write_plain(saved)))


def pack_members(
    members: Iterator[Member], sink: BinaryIO, request: ExportRequest, deflater: Deflater
) -> tuple[Finding, ...]:
    """Write files in the form that is wanted; return what such a file cannot hold. Raises as ``write_database``."""
    counted = _Counted(members)
    with _encrypted(sink, request) as place:
        left = _pack(iter(counted), place, request, deflater)
    told = [_tell_misfit(each, request.format) for each in left]
    if counted.with_attributes and request.format in (Format.ZIP, Format.SEVEN_ZIP):
        told.append(_tell_attributes(counted.with_attributes, request.format))
    return tuple(told)


class _Counted:
    """Members on their way into an archive; ``with_attributes`` says how many had extended attributes or ACLs."""

    def __init__(self, members: Iterable[Member]) -> None:
        self._members = members
        self.with_attributes = 0

    def __iter__(self) -> Iterator[Member]:
        for each in self._members:
            self.with_attributes += bool(each.entry.xattrs)
            yield each


def _tell_attributes(count: int, form: Format) -> Finding:
    return Finding(
        code="attributes-not-in-archive",
        severity=Severity.NOTE,
        subject="",
        template="Extended attributes and ACLs of {count} files and folders are not in the archive: a file of the form "
        "{form} has no place for them.",
        hint_template="Where they count, export it as tar.gz or tar.zst, and unpack that with: {command}",
        values={"count": count, "form": str(form), "command": _UNPACK_WITH_ATTRIBUTES},
    )


@contextmanager
def _encrypted(sink: BinaryIO, request: ExportRequest) -> Iterator[BinaryIO]:
    """Give a sink that encrypts, where that is wanted; a 7z file does so itself."""
    is_seven_zip = request.format is Format.SEVEN_ZIP
    if is_seven_zip != (request.encryption is Encryption.SEVEN_ZIP) and request.encryption:
        raise UsageError(
            "A file of the form {form} is not encrypted by {program}.",
            hint="7z files are encrypted by 7z, all others by gpg or openssl.",
            form=str(request.format),
            program=str(request.encryption),
        )
    if request.encryption is None or is_seven_zip:
        yield sink
        return
    with encrypted_sink(sink, request.encryption, _require_password(request)) as place:
        yield place


def _require_password(request: ExportRequest) -> Secret:
    if request.password is None or not request.password.reveal():
        raise UsageError(
            "There is no password to encrypt with.", hint="Set REBOND_EXPORT_PASSWORD_FILE to a file with it."
        )
    return request.password


def _pack(members: Iterator[Member], sink: BinaryIO, request: ExportRequest, deflater: Deflater) -> list[Misfit]:
    if request.format is Format.ZIP:
        return write_zip(members, sink, level=request.level)
    if request.format is Format.SEVEN_ZIP:
        password = _require_password(request) if request.encryption else None
        return write_seven_zip(members, sink, level=request.level, password=password)
    method = request.format.rpartition(".")[2]
    with compressed_sink(sink, method, level=request.level, deflater=deflater, threads=request.threads) as packed:
        return write_tar(members, packed)


def _choose_database(databases: list[SavedDatabase], name: str) -> SavedDatabase:
    found = [each for each in databases if not name or each.name == name]
    if len(found) != 1:
        raise UsageError(
            "The component holds several databases, and a file takes one: {known}.",
            hint="Name a directory with --output DIR/: each gets a file of its own.",
            known=", ".join(each.name for each in databases),
        )
    return found[0]


def _list_members(reader: SnapshotReader, component: str, observer: Observer) -> Iterator[Member]:
    found = next((each for each in reader.components if each.name == component), None)
    if found is None or not found.tree:
        raise UnknownName(
            "There is no component '{name}' in this snapshot.",
            hint="There are: {known}.",
            name=component,
            known=", ".join(each.name for each in reader.components),
        )
    done = 0
    kept = KeptSegments()
    for each in walk(reader, root_of(found)):
        if each.entry is None:
            continue
        entry = each.entry.to_entry()
        content = content_of(reader, each.entry, kept) if entry.kind is EntryKind.FILE else ()
        yield Member(path=each.path, entry=entry, content=content, link=each.entry.hard_link)
        done += 1
        if not done & 63:
            observer.advanced(Advance(phase="restore", subject=each.path.decode(errors="backslashreplace"), files=done))


def _tell_misfit(misfit: Misfit, form: Format) -> Finding:
    path = misfit.path.decode(errors="backslashreplace")
    if misfit.name:
        return Finding(
            code="renamed-in-archive",
            severity=Severity.WARNING,
            subject=path,
            template="A name that is no UTF-8 cannot stand in a file of the form {form}: there it is called {name}.",
            hint_template="Export it as tar.gz or tar.zst, which keep every name, or rename it after unpacking.",
            values={"name": misfit.name, "form": str(form)},
        )
    return Finding(
        code="not-in-archive",
        severity=Severity.WARNING,
        subject=path,
        template="{path} is not in the archive: a file of the form {form} cannot hold such a thing.",
        hint_template="Restore it with 'rebond restore', or leave it: sockets and devices are made by programs.",
        values={"path": path, "form": str(form)},
    )
