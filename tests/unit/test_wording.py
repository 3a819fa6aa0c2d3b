"""What is counted agrees with its number, in both languages."""

import pytest

from rebond.language import translate
from rebond.wording import fill

RESTORED = "Restored {files} files and {directories} directories, {size}, in {span}, to\n{target}"
REREAD = "{count} files are not as they were saved, of {looked} looked at: {files}"
HOLDERS = "{count} snapshots hold it, from {first} ({first_time}) to {last} ({last_time})."


@pytest.mark.parametrize(
    ("template", "values", "language", "said"),
    [
        ("{files} files", {"files": 1}, "en", "1 file"),
        ("{files} files", {"files": 0}, "en", "0 files"),
        ("{files} files", {"files": 21}, "en", "21 files"),
        ("{files} files", {"files": 0}, "fr", "0 fichier"),
        ("{files} files", {"files": 1}, "fr", "1 fichier"),
        ("{files} files", {"files": 2}, "fr", "2 fichiers"),
        ("{files} of {total} files", {"files": 1, "total": 1}, "en", "1 of 1 file"),
        ("{count} filesystems", {"count": 1}, "en", "1 filesystems"),
        ("{name} files", {"name": "1"}, "en", "1 files"),
    ],
)
def test_a_noun_agrees_with_the_number_before_it(
    template: str, values: dict[str, object], language: str, said: str
) -> None:
    assert fill(translate(template, language), values) == said


def test_the_sentences_that_everybody_sees_agree() -> None:
    values: dict[str, object] = {"files": 1, "directories": 1, "size": "5 B", "span": "0.1 s", "target": "/x"}
    assert fill(RESTORED, values).startswith("Restored 1 file and 1 directory, 5 B")
    assert "1 fichier et 1 dossier" in fill(translate(RESTORED, "fr"), values)
    wrong = {"count": 1, "looked": 1, "files": "a"}
    assert fill(REREAD, wrong) == "1 file is not as it was saved, of 1 looked at: a"
    assert fill(translate(REREAD, "fr"), wrong).startswith("1 fichier n'est pas comme il a été sauvegardé, sur 1")
    named = dict.fromkeys(("first", "first_time", "last", "last_time"), "x")
    assert fill(HOLDERS, {"count": 1, **named}).startswith("1 snapshot holds it")
    assert fill(translate(HOLDERS, "fr"), {"count": 1, **named}).startswith("1 sauvegarde le contient")
