"""The verb ``verify`` for files on a disk: exports, dumps and archives of any maker, read to their ends."""

import os
from collections.abc import Sequence
from typing import BinaryIO

from msgspec import Struct

from rebond.archives.new_files import SUMS, sum_up
from rebond.archives.reading_through import FindPassword, Spoilt
from rebond.archives.sums import find_sum, read_sums
from rebond.clock import Clock
from rebond.errors import MissingExtra, ProofFailed, RebondError, SourceUnfit
from rebond.findings import Finding, Severity
from rebond.operations.checking_files.folders import MANIFEST, judge_link, judge_manifest, list_files
from rebond.operations.checking_files.forms import Form
from rebond.operations.checking_files.objects import judge_vault_object
from rebond.operations.checking_files.reading import read_file_through
from rebond.operations.checking_files.streams import Reading
from rebond.progress import Advance, Observer
from rebond.vault.headers import MAGIC


class FileReport(Struct, frozen=True, kw_only=True):
    """What was found in one file. ``members`` are files, tables or objects in it, ``None`` where it has none.

    ``has_sum`` says that a SHA-256 lies beside it and was compared.
    """

    path: str
    form: str
    size_bytes: int
    content_bytes: int = 0
    members: int | None = None
    has_sum: bool = False
    spoilt: tuple[Spoilt, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged or missing."""
        return all(finding.severity is not Severity.DAMAGE for finding in self.findings)


class FilesOutcome(Struct, frozen=True, kw_only=True):
    """What was found in all. ``checked_bytes`` is their size on the disk, ``notes`` say what was passed over."""

    files: tuple[FileReport, ...]
    checked_bytes: int
    seconds: float
    notes: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no file is damaged."""
        return all(each.ok for each in self.files)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Whatever was found, file by file, and what was passed over."""
        return (*(finding for each in self.files for finding in each.findings), *self.notes)


def verify_files(
    paths: Sequence[str], *, find_password: FindPassword, observer: Observer, clock: Clock
) -> FilesOutcome:
    """Read files to their ends and compare them with their own sums and those that lie beside them.

    A folder stands for the files in it. ``find_password`` is asked once a file needs a password. Raises
    ``UnknownName`` and ``UsageError`` before anything is read; what is wrong with a file is a finding.
    """
    began = clock.monotonic()
    meant = list_files(paths)
    listed = meant.files
    total_bytes = sum(os.stat(each).st_size for each in listed if os.path.exists(each))
    reports: list[FileReport] = []
    done_bytes = 0
    for number, path in enumerate(listed):
        observer.advanced(
            Advance(
                phase="verify",
                subject=path,
                files=number,
                total_files=len(listed),
                bytes=done_bytes,
                total_bytes=total_bytes,
            )
        )
        reports.append(_verify_file(path, find_password))
        for finding in reports[-1].findings:
            observer.noticed(finding)
        done_bytes += reports[-1].size_bytes
    for note in meant.notes:
        observer.noticed(note)
    seconds = clock.monotonic() - began
    return FilesOutcome(files=tuple(reports), checked_bytes=done_bytes, seconds=seconds, notes=meant.notes)


def _verify_file(path: str, find_password: FindPassword) -> FileReport:
    """Judge one file; whatever is wrong with it does not keep the others from being judged."""
    findings: list[Finding] = []
    reading = Reading(form="", content_bytes=0)
    has_sum, size = False, 0
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            has_sum = _compare_sum(file, path, findings)
            reading = _read(file, path, find_password, findings)
    except RebondError as error:
        findings.append(_describe(path, error))
    except OSError as error:
        findings += list(judge_link(path)) or [_unread(path, error)]
    if reading.doubt is not None and not (has_sum and reading.form == Form.BYTES):  # its sum says that it is whole
        findings.append(_describe(path, reading.doubt))
    findings += (_spoilt(path, each) for each in reading.spoilt)
    return FileReport(
        path=path,
        form=reading.form,
        size_bytes=size,
        content_bytes=reading.content_bytes,
        members=reading.members,
        has_sum=has_sum,
        spoilt=reading.spoilt,
        findings=tuple(findings),
    )


def _read(file: BinaryIO, path: str, find_password: FindPassword, findings: list[Finding]) -> Reading:
    if path.endswith(SUMS):
        return _read_listed(path, findings)
    if file.read(len(MAGIC)) == MAGIC:
        findings += judge_vault_object(path)
        return Reading(form=Form.VAULT_OBJECT, content_bytes=os.fstat(file.fileno()).st_size)
    file.seek(0)
    if os.path.basename(path) == MANIFEST:
        findings += judge_manifest(path)
    return read_file_through(file, path, find_password)


def _compare_sum(file: BinaryIO, path: str, findings: list[Finding]) -> bool:
    """Compare a file with the sum that lies beside it; say whether one does. The file is then at its beginning."""
    try:
        wanted = find_sum(path)
    except ProofFailed as error:
        findings.append(_describe(path, error))
        return False
    if wanted is None:
        return False
    if sum_up(file) != wanted:
        findings.append(_differs(path))
    file.seek(0)
    return True


def _read_listed(path: str, findings: list[Finding]) -> Reading:
    """Compare every file that a list of sums names: where it says, or beside the list."""
    listed = read_sums(path)
    count = 0
    for name, digest in listed:
        beside = os.path.join(os.path.dirname(path), os.path.basename(name))
        where = next(
            (each for each in (os.path.join(os.path.dirname(path), name), beside) if os.path.isfile(each)), None
        )
        if where is None:
            raise ProofFailed(
                "{path} names {name}, and it is not there.",
                hint="Copy the file beside its sum, or make both again.",
                path=path,
                name=name,
            )
        with open(where, "rb") as file:
            count += os.fstat(file.fileno()).st_size
            if sum_up(file) != digest:
                findings.append(_differs(where))
    return Reading(form=Form.SUMS, content_bytes=count, members=len(listed))


def _describe(path: str, error: RebondError) -> Finding:
    """Turn what stopped the reading of one file into a finding: damage, or that it could not be looked into."""
    is_doubt = isinstance(error, SourceUnfit | MissingExtra)
    return Finding(
        code="file-not-judged" if is_doubt else "file-damaged",
        severity=Severity.WARNING if is_doubt else Severity.DAMAGE,
        subject=path,
        template=error.template,
        hint_template=error.hint_template,
        values=error.values,
    )


def _unread(path: str, error: OSError) -> Finding:
    return Finding(
        code="file-unreadable",
        severity=Severity.DAMAGE,
        subject=path,
        template="{path} could not be read to its end: {reason}",
        hint_template="Check the rights of the file, and the disk that it lies on.",
        values={"path": path, "reason": error.strerror or str(error)},
    )


def _differs(path: str) -> Finding:
    return Finding(
        code="sum-differs",
        severity=Severity.DAMAGE,
        subject=path,
        template="{path} does not have the SHA-256 that was written beside it.",
        hint_template="It was changed, or copied badly, since then: take another copy, or export it again.",
        values={"path": path},
    )


def _spoilt(path: str, spoilt: Spoilt) -> Finding:
    return Finding(
        code="member-damaged",
        severity=Severity.DAMAGE,
        subject=path,
        template="{member} in {path} is damaged: {reason}",
        hint_template="What else is in it can be unpacked. Take another copy, or export it again.",
        values={"path": path, "member": spoilt.name, "reason": spoilt.reason},
    )
