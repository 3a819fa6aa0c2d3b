"""What a service says of a run that did not end well: whatever the run itself said, as one line."""

import json
import os
import threading
from pathlib import Path

import pytest
from tests.bounded import PATIENCE_SECONDS

from rebond.schedule.jobs import Deed, Job
from rebond.service.children import Child

EMPTY = {"message": "The component media is empty.", "hint": "See.", "severity": "warning"}


def run(folder: Path, answer: str, words: str = "") -> Child:
    ended = threading.Event()
    child = Child(
        Job(deed=Deed.BACKUP, class_name="often"),
        ("sh", "-c", 'printf "%s" "$1"; printf "%s" "$2" >&2; exit 3', "sh", answer, words),
        environment=dict(os.environ),
        folder=folder,
        notice_end=ended.set,
    )
    assert ended.wait(PATIENCE_SECONDS)
    assert child.status == 3
    return child


@pytest.mark.parametrize(
    ("answer", "words", "told"),
    [
        ({"error": {"message": "There is no vault."}, "problems": [EMPTY]}, "x", "There is no vault."),
        ({"id": "1", "problems": [EMPTY]}, "a bar", "The component media is empty."),
        ({"ok": False, "findings": [EMPTY, {"message": "b"}]}, "", "The component media is empty. | b"),
        ({"problems": [{"message": each} for each in "abcde"]}, "", "a | b | c | and 2 more"),
        ({"problems": []}, "first\nlast\n", "first | last"),
        ({"problems": "none", "findings": ["?"]}, "words", "words"),
    ],
)
def test_a_run_says_why_it_did_not_end_well(tmp_path: Path, answer: object, words: str, told: str) -> None:
    assert run(tmp_path, json.dumps(answer), words).why() == told


def test_one_that_answered_nothing_is_told_by_its_last_words(tmp_path: Path) -> None:
    assert run(tmp_path, "Killed", "no memory").why() == "no memory"
