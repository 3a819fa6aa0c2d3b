"""Answers on standard output: one JSON document, or text; and the status that findings ask for."""

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from rebond.cli.invocation import Invocation
from rebond.cli.output.drawn import resting
from rebond.cli.output.observing import describe_finding
from rebond.cli.output.speech import tr
from rebond.cli.output.standard_output import write
from rebond.errors import Refused
from rebond.findings import Finding, Severity

Document = Mapping[str, Any] | Sequence[Any]

GOOD = 0
DOUBTFUL = 3
DAMAGED = 4
MISSED = 5  # an objective


def answer(invocation: Invocation, document: Document, text: str) -> None:
    """Write the document when JSON was asked for, else the text."""
    if invocation.recording is not None:
        invocation.recording.hear_answer(document)
    if invocation.wants_json:
        invocation.has_answered = True
        write(json.dumps(document, indent=2, default=_plain) + "\n")
    elif text:
        write(text.rstrip("\n") + "\n")


def answer_each(invocation: Invocation, documents: Iterable[tuple[Mapping[str, Any], str]]) -> int:
    """Write many documents, each with its line of text, as they come; return how many there were.

    As JSON they are one list. When something fails on the way, the list is closed all the same, and the
    failure goes to standard error.
    """
    count = 0
    try:
        for document, line in documents:
            if invocation.wants_json:
                invocation.has_answered = True
                write(("[\n" if count == 0 else ",\n") + json.dumps(document, default=_plain))
            else:
                write(line + "\n")
            count += 1
    finally:
        if invocation.wants_json and (count or not sys.exc_info()[0]):
            write("\n]\n" if count else "[]\n")
    return count


def with_problems(invocation: Invocation, text: str, problems: Iterable[Finding]) -> str:
    """Return ``text``, and below it every problem when quiet kept them from being shown as they came.

    What could not be read is listed whatever was asked for: a status of 3 alone helps nobody.
    """
    if not invocation.is_quiet:
        return text
    return "\n".join([text, *map(describe_finding, problems)])


def note(invocation: Invocation, text: str) -> None:
    """Write a remark to standard error, unless the reader asked for quiet; what was answered before it comes first."""
    if not invocation.is_quiet:
        with contextlib.suppress(OSError):  # told at the end of the run, where it cannot be taken for its failure
            sys.stdout.flush()
        say_aside(invocation, text)


def say_aside(invocation: Invocation, text: str) -> None:
    """Write a remark to standard error, also where quiet was asked for; with ``--progress json`` as an object."""
    line = json.dumps({"event": "note", "message": text}) if invocation.progress == "json" else text
    sys.stderr.write(line + "\n")


def status_of(findings: Iterable[Finding]) -> int:
    """Return 4 for damage, 3 for a warning, else 0."""
    severities = {each.severity for each in findings}
    if Severity.DAMAGE in severities:
        return DAMAGED
    return DOUBTFUL if Severity.WARNING in severities else GOOD


def require_consent(invocation: Invocation, question: str, *, is_given: bool) -> None:
    """Ask before something that takes away. Raises ``Refused`` without a terminal, or when the answer is no."""
    if is_given:
        return
    if invocation.wants_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused("This needs a confirmation, and there is no terminal to ask on.", hint="Add --yes.")
    with resting():
        is_confirmed = click.confirm(question, default=False, err=True)
    if not is_confirmed:
        raise Refused("Not confirmed. Nothing was changed.", hint="--dry-run shows what would be done.")


def say_yes_or_no(claim: bool) -> str:
    """Return the word for a claim."""
    return tr("yes") if claim else tr("no")


def _plain(value: object) -> object:
    """Turn what JSON does not know into what it does: bytes are paths or ids."""
    if isinstance(value, bytes | os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, set | frozenset | tuple):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")  # noqa: EM102 - a fault of ours, for the report
