"""How progress and findings are put into words, and the watchers that write lines."""

import json
from typing import TextIO

from rebond.cli.output.pace import Pace
from rebond.cli.output.speech import hint_of, label, message_of, show_path, tr
from rebond.clock import Clock
from rebond.findings import Finding, Severity
from rebond.progress import Advance
from rebond.units import format_rate, format_size, format_span

PLAIN_EVERY_SECONDS = 10.0
JSON_EVERY_SECONDS = 1.0


class PlainLines:
    """A line every ten seconds, for logs; findings at once."""

    def __init__(self, out: TextIO, clock: Clock) -> None:
        self._out = out
        self._clock = clock
        self._pace = Pace()
        self._next = clock.monotonic() + PLAIN_EVERY_SECONDS

    def advanced(self, advance: Advance) -> None:
        """Write a line when it is time."""
        now = self._clock.monotonic()
        self._pace.note(advance, now)
        if now >= self._next and (advance.files or advance.bytes):  # a phase that just begins says nothing yet
            self._next = now + PLAIN_EVERY_SECONDS
            self._out.write(describe_advance(advance, self._pace) + "\n")
            self._out.flush()

    def noticed(self, finding: Finding) -> None:
        """Write the finding."""
        self._out.write(describe_finding(finding) + "\n")
        self._out.flush()

    def close(self) -> None:
        """Nothing is open."""


class JsonLines:
    """One JSON object for each look and each finding."""

    def __init__(self, out: TextIO, clock: Clock) -> None:
        self._out = out
        self._clock = clock
        self._pace = Pace()
        self._next = 0.0
        self._phase = ""

    def advanced(self, advance: Advance) -> None:
        """Write an object when it is time, or when a phase begins."""
        now = self._clock.monotonic()
        self._pace.note(advance, now)
        if now < self._next and advance.phase == self._phase:
            return
        self._next, self._phase = now + JSON_EVERY_SECONDS, advance.phase
        self._write(
            {
                "event": "advance",
                "phase": advance.phase,
                "subject": advance.subject,
                "files": advance.files,
                "total_files": advance.total_files,
                "bytes": advance.bytes,
                "total_bytes": advance.total_bytes,
                "stored_bytes": advance.stored_bytes,
                "bytes_per_second": _rounded(self._pace.bytes_per_second),
                "remaining_seconds": _rounded(self._pace.remaining_seconds),
            }
        )

    def noticed(self, finding: Finding) -> None:
        """Write the finding as an object."""
        self._write({"event": "finding", **finding_document(finding)})

    def close(self) -> None:
        """Nothing is open."""

    def _write(self, document: dict[str, object]) -> None:
        self._out.write(json.dumps(document) + "\n")
        self._out.flush()


def describe_advance(advance: Advance, pace: Pace) -> str:
    """Return one line: what is done, how far, how fast, how long still."""
    parts = [tr(advance.phase)]
    if advance.files or advance.total_files:
        parts.append(
            tr("{files} of {total} files", files=advance.files, total=advance.total_files)
            if advance.total_files
            else tr("{files} files", files=advance.files)
        )
    if advance.bytes or advance.total_bytes:
        done = format_size(advance.bytes)
        parts.append(
            tr("{done} of {total}", done=done, total=format_size(advance.total_bytes)) if advance.total_bytes else done
        )
    if pace.bytes_per_second:
        parts.append(format_rate(pace.bytes_per_second))
    if pace.remaining_seconds is not None:
        parts.append(tr("{span} left", span=format_span(pace.remaining_seconds)))
    return ", ".join(parts)


def describe_finding(finding: Finding) -> str:
    """Return a finding as text; its hint on a line of its own."""
    word = {
        Severity.NOTE: tr("note"),
        Severity.WARNING: tr("warning"),
        Severity.DAMAGE: tr("damage"),
    }[finding.severity]
    message, hint = message_of(finding), hint_of(finding)
    subject = show_path(finding.subject)
    said = message if not subject or subject in message else label(subject, message)
    return label(word, said) + (f"\n  → {hint}" if hint else "")


def finding_document(finding: Finding) -> dict[str, object]:
    """Return a finding for machines."""
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "subject": finding.subject,
        "message": message_of(finding),
        "hint": hint_of(finding),
    }


def _rounded(amount: float | None) -> float | None:
    return None if amount is None else round(amount, 1)
