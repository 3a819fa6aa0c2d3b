"""The evidence of a drill: written, kept in the state folder and in the ledger, given out as a report."""

import hashlib
import json
import os
from pathlib import Path

from rebond.cli.drills.page import make_page
from rebond.cli.drills.shown import describe_drill, say_check
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import DAMAGED, DOUBTFUL, GOOD, MISSED, answer, note
from rebond.cli.output.page_language import choose_page_language
from rebond.cli.output.speech import language, speaking, tr
from rebond.durable_files import make_directories_durably, replace_durably
from rebond.errors import RestoreError, UsageError
from rebond.history.drills import DRILLED
from rebond.history.recording import HISTORY, note_event
from rebond.language import translate
from rebond.operations.drills.outcomes import Verdict
from rebond.pages.html import write_html
from rebond.pages.markdown import write_markdown
from rebond.stack.drills.evidence import Evidence, describe_evidence, describe_for_ledger
from rebond.units import format_iso

EVIDENCE = "drills/evidence"  # below the state folder
_KEPT = 200  # drills whose evidence is kept; the ledger keeps a line of each for ever
_FORMS = (".json", ".md", ".html")


def publish(invocation: Invocation, evidence: Evidence, report: Path | None) -> int:
    """Keep the evidence, write the report, answer, and return the exit status."""
    document = keep_evidence(invocation, evidence, report)
    answer(invocation, document, describe_drill(evidence))
    return status_of_evidence(evidence)


def keep_evidence(invocation: Invocation, evidence: Evidence, report: Path | None = None) -> dict[str, object]:
    """Keep the evidence in the state folder and in the ledger, write the report, and return the document."""
    document = describe_evidence(evidence, say_check)
    run = invocation.recording.run if invocation.recording is not None else evidence.outcome.record.snapshot.hex()[:16]
    document["run"] = run
    if invocation.recording is not None:
        invocation.recording.meet_facts(steps=list_steps(evidence))
    with speaking(choose_page_language(invocation, evidence.language)):
        contents = make_contents(evidence, document)
    _keep(invocation, evidence, contents, run)
    if report is not None:
        write_report(report, contents)
    return document


def list_steps(evidence: Evidence) -> list[dict[str, object]]:
    """Return how long each component took, in the shape in which plans of a restore learn from it."""
    if evidence.outcome.is_sample:
        return []
    return [
        {"kind": "fetch", "subject": each.name, "bytes": each.bytes, "seconds": round(each.seconds, 3)}
        for each in evidence.outcome.components
    ]


def status_of_evidence(evidence: Evidence) -> int:
    """Return 4 for a proof that failed, 5 for a promise that is missed, 3 for one that is not whole, else 0."""
    if evidence.outcome.verdict is Verdict.FAIL:
        return DAMAGED
    if evidence.judgement.missed:
        return MISSED
    return GOOD if evidence.outcome.verdict is Verdict.PASS else DOUBTFUL


def make_contents(evidence: Evidence, document: dict[str, object]) -> dict[str, str]:
    """Return the evidence by the ending of a file's name."""
    spoken = language()
    page = make_page(evidence, spoken, say_check)

    def in_language(template: str) -> str:
        return translate(template, spoken)

    return {
        ".json": json.dumps(document, indent=2) + "\n",
        ".md": write_markdown(page, in_language),
        ".html": write_html(page, in_language),
    }


def write_report(report: Path, contents: dict[str, str]) -> None:
    """Write the evidence into a file, in the form that its name says. Raises ``UsageError`` and ``RestoreError``."""
    check_report(report)
    try:
        replace_durably(os.path.abspath(report), contents[report.suffix].encode(errors="backslashreplace"))
    except OSError as error:
        raise RestoreError(
            "The evidence cannot be written to {path}: {reason}.",
            hint="Name a file in a directory that this user may write to. It is kept in the state folder as well.",
            path=str(report),
            reason=error.strerror or str(error),
        ) from error


def check_report(report: Path) -> None:
    """Refuse a file's name that says no form, before anything is restored. Raises ``UsageError``."""
    if report.suffix not in _FORMS:
        raise UsageError(
            "{path} does not say in which form the evidence is wanted.",
            hint="End the name with {forms}.",
            path=str(report),
            forms=", ".join(_FORMS),
        )


def _keep(invocation: Invocation, evidence: Evidence, contents: dict[str, str], run: str) -> None:
    """Keep the evidence in the state folder, and note it in the ledger. A full disk does not undo a proof."""
    folder = invocation.state_folder / EVIDENCE
    began = format_iso(evidence.outcome.began_ms).replace(":", "").partition(".")[0]
    name, sums = f"{began}-{run[:8]}", {}
    try:
        make_directories_durably(str(folder))
        for form, text in contents.items():
            content = text.encode(errors="backslashreplace")
            replace_durably(str(folder / f"{name}{form}"), content)
            sums[f"{name}{form}"] = hashlib.sha256(content).hexdigest()
        _forget_old(folder)
        note_event(invocation.state_folder / HISTORY, DRILLED, describe_for_ledger(evidence, run, sums))
    except OSError as error:
        note(
            invocation,
            tr(
                "The evidence could not be kept in {folder}: {reason}.",
                folder=str(folder),
                reason=error.strerror or str(error),
            ),
        )


def _forget_old(folder: Path) -> None:
    names = sorted({each.stem for each in folder.iterdir() if each.suffix in _FORMS})
    for name in names[:-_KEPT]:
        for form in _FORMS:
            (folder / f"{name}{form}").unlink(missing_ok=True)
