"""Exports of what is there now, for those who may not read the vault: a writer's machine keeps its plain files too."""

import os
from collections.abc import Iterator, Mapping, Sequence

from rebond.archives.deflating import Deflater
from rebond.archives.new_files import new_file
from rebond.archives.packing import Member
from rebond.entries import Entry, EntryKind, Listing, Tree
from rebond.findings import Finding, Severity
from rebond.operations.export import ExportOutcome, list_written, pack_members, write_database
from rebond.operations.export_requests import ExportRequest
from rebond.progress import Observer
from rebond.sources.postgres.saved import SavedDatabase

_BLOCK_BYTES = 1 << 20
_ZEROS = bytes(1 << 16)


def export_databases(
    databases: Sequence[SavedDatabase], request: ExportRequest, paths: Mapping[str, str], *, made_ms: int
) -> ExportOutcome:
    """Write each database to its path: whole, or not there. Raises ``SourceError``, ``RestoreError``."""
    for each in databases:
        with (
            new_file(paths[each.name], has_checksum=request.has_checksum) as sink,
            Deflater(threads=request.threads, level=request.level) as deflater,
        ):
            write_database(each, sink, request, deflater, made_ms=made_ms)
    return ExportOutcome(
        paths=list_written(paths.values(), request), size_bytes=sum(os.stat(each).st_size for each in paths.values())
    )


def export_tree(tree: Tree, request: ExportRequest, path: str, observer: Observer) -> ExportOutcome:
    """Write files to an archive: whole, or not there. What changes meanwhile is told. Raises as above."""
    findings: list[Finding] = []
    with (
        new_file(path, has_checksum=request.has_checksum) as sink,
        Deflater(threads=request.threads, level=request.level) as deflater,
    ):
        findings += pack_members(_list_members(tree, findings), sink, request, deflater)
    for each in findings:
        observer.noticed(each)
    return ExportOutcome(
        paths=list_written([path], request), size_bytes=os.stat(path).st_size, findings=tuple(findings)
    )


def _list_members(tree: Tree, findings: list[Finding]) -> Iterator[Member]:
    for listing in tree.listings():
        if listing.path:
            yield Member(path=listing.path, entry=listing.directory())
        for position, name in enumerate(listing.names):
            entry = listing.describe(position)
            if entry is None:
                continue  # the tree has told it
            path = listing.path + b"/" + name if listing.path else name
            if entry.kind is not EntryKind.FILE:
                yield Member(path=path, entry=entry)
            else:
                yield from _read_file(listing, position, entry, path, findings)


def _read_file(listing: Listing, position: int, entry: Entry, path: bytes, findings: list[Finding]) -> Iterator[Member]:
    """Give a file as large as it was described, whatever it becomes meanwhile: an archive has its size in front."""
    content = listing.open(position)
    if content is None:
        return

    def read() -> Iterator[bytes]:
        left = entry.size
        while left and (block := content.read(min(left, _BLOCK_BYTES))):
            left -= len(block)
            yield block
        if left or content.changed():
            findings.append(_changed(path))
        while left:
            yield _ZEROS[: min(left, len(_ZEROS))]
            left -= min(left, len(_ZEROS))

    try:
        yield Member(path=path, entry=entry, content=read(), link=b"%d:%d" % entry.link if entry.link else b"")
    finally:
        content.close()


def _changed(path: bytes) -> Finding:
    return Finding(
        code="changed-while-read",
        severity=Severity.WARNING,
        subject=path.decode(errors="backslashreplace"),
        template="{path} changed while it was read into the archive.",
        hint_template="Export it again; the snapshot has it as it was.",
        values={"path": path.decode(errors="backslashreplace")},
    )
