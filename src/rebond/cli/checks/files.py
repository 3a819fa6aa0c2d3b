"""``rebond verify FILE``: archives, dumps and their sums, judged by themselves; no vault and no key is needed."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rebond.cli.exports.password import find_opening_password
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DAMAGED, answer, status_of, with_problems
from rebond.cli.output.observing import finding_document
from rebond.cli.output.speech import show_path, tr
from rebond.cli.output.watching import watching
from rebond.clock import SystemClock
from rebond.errors import UsageError
from rebond.secret import Secret
from rebond.units import format_size, format_span

if TYPE_CHECKING:
    from rebond.operations.verify_files import FileReport, FilesOutcome

KIND = "verify files"  # in the ledger: no proof of any vault
_OPTIONS = {"percent": "read-data", "class_": "class", "older_than": "older-than", "without_key": "without-key"}
_SNAPSHOT = re.compile(r"latest(:.*)?|[0-9a-f]{4,64}|\d{4}-\d\d(-\d\d.*)?|\d{8}(-\d{6})?")


def is_file(name: str) -> bool:
    """Whether a word means a file, and not a snapshot: ``./NAME`` always does, and what ends as an archive."""
    from rebond.operations.checking_files.forms import Promise

    if name.startswith("latest:"):
        return False
    if "/" in name or Promise(name).says_something:
        return True
    return os.path.exists(name) and _SNAPSHOT.fullmatch(name) is None


def check_files(invocation: Invocation, names: Sequence[str], wishes: Mapping[str, object]) -> int:
    """Read every file to its end; return 4 for damage, 3 for what could not be judged."""
    others = [each for each in names if not is_file(each)]
    if others:
        raise UsageError(
            "'{name}' is a snapshot, and the others are files.",
            hint="Name snapshots or files in one call; a file without an ending as ./{name}.",
            name=others[0],
        )
    given = sorted(name for name, value in wishes.items() if value)
    if given:
        raise UsageError(
            "Files are always read whole, and never changed: {options} does not go with them.",
            hint="Leave it out.",
            options=", ".join(f"--{_OPTIONS.get(name, name)}" for name in given),
        )
    if invocation.recording is not None:
        invocation.recording.meet_kind(KIND)
    from rebond.operations.verify_files import verify_files

    with watching(invocation) as watcher:
        outcome = verify_files(names, find_password=_ask_once(invocation), observer=watcher, clock=SystemClock())
    text = with_problems(invocation, "\n".join(_lines(outcome)), outcome.findings)
    answer(invocation, _document(outcome), text)
    return DAMAGED if not outcome.ok else status_of(outcome.findings)


def _ask_once(invocation: Invocation) -> Callable[[], Secret | None]:
    """Look for the password when the first file needs it, and ask only once."""
    known: list[Secret | None] = []

    def find() -> Secret | None:
        if not known:
            known.append(find_opening_password(invocation, asks=sys.stdin.isatty()))
        return known[0]

    return find


def _lines(outcome: "FilesOutcome") -> Iterator[str]:
    for each in outcome.files:
        yield f"{_judge(each)}  {show_path(each.path)}  {_describe(each)}"
    values = {
        "count": len(outcome.files),
        "size": format_size(outcome.checked_bytes),
        "span": format_span(outcome.seconds),
    }
    bad = sum(not each.ok for each in outcome.files)
    if bad:
        yield tr("DAMAGE in {bad} of {count} files, {size} read in {span}.", bad=bad, **values)
    elif status_of(outcome.findings):
        yield tr("No damage found in {count} files, and not all could be judged: {size} read in {span}.", **values)
    else:
        yield tr("No damage: {count} files are whole, {size} read in {span}.", **values)


def _judge(report: "FileReport") -> str:
    if not report.ok:
        return tr("DAMAGED")
    return tr("doubtful") if report.findings else tr("good")


def _describe(report: "FileReport") -> str:
    parts = [report.form, format_size(report.size_bytes)] if report.form else [format_size(report.size_bytes)]
    if report.members is not None:
        parts.append(tr("{count} inside", count=report.members))
    if report.has_sum:
        parts.append("SHA-256")
    return ", ".join(parts)


def _document(outcome: "FilesOutcome") -> dict[str, object]:
    return {
        "ok": outcome.ok,
        "level": "files",
        "checked_objects": len(outcome.files),
        "checked_bytes": outcome.checked_bytes,
        "read_packs": 0,
        "seconds": round(outcome.seconds, 3),
        "damage": [_damage_document(each) for each in outcome.files if not each.ok],
        "findings": [finding_document(each) for each in outcome.findings],
        "repair": None,
        "files": [
            {
                "path": each.path,
                "ok": each.ok,
                "form": str(each.form),
                "bytes": each.size_bytes,
                "content_bytes": each.content_bytes,
                "members": each.members,
                "has_sum": each.has_sum,
                "problems": [finding_document(finding) for finding in each.findings],
            }
            for each in outcome.files
        ],
    }


def _damage_document(report: "FileReport") -> dict[str, object]:
    return {
        "object": report.path,
        "codes": sorted({each.code for each in report.findings}),
        "snapshots": [],
        "paths": [{"path": each.name, "component": "", "snapshots": [], "subtree": False} for each in report.spoilt],
        "unlisted_paths": 0,
    }
