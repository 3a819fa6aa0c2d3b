"""What is said when a stack has come back on a bare machine: where it lies, what comes later, what backups need."""

import contextlib
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from rebond.cli.configuration.at_hand import is_same_place, list_places
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.output.speech import show_path, tr
from rebond.config.loading import load_configuration
from rebond.errors import RebondError
from rebond.operations.recovery.journal import Journal
from rebond.operations.recovery.late_part import was_kept_inside, was_left_out


class LastWords(Struct, frozen=True, kw_only=True):
    """Written down with a run, so that whoever goes on with it hears the same.

    ``configuration`` is where its first file belongs, ``vault`` where everything came from. ``commands`` bring back,
    by component, what the plan does not; those of ``late`` what the run may have left out, and those of ``copies`` that
    where a container keeps it in itself.
    """

    root: str
    configuration: str
    vault: str
    commands: Mapping[str, str] = field(default_factory=dict)
    late: Mapping[str, str] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)


def say_last_words(invocation: Invocation, words: LastWords, journal: Journal) -> None:
    """Say where the stack lies, what brings the rest back, and what is missing for backups."""
    note(invocation, tr("The stack lies in {root}, with its configuration.", root=show_path(words.root)))
    left_out = {name: each for name, each in words.late.items() if was_left_out(journal.folder_of(name))}
    kept_inside = {name: each for name, each in words.copies.items() if was_kept_inside(journal.folder_of(name))}
    for name, command in {**words.commands, **left_out, **kept_inside}.items():
        note(invocation, tr("What brings {component} back: {command}", component=name, command=command))
    _say_what_backups_need(invocation, words.vault, Path(words.configuration))


def _say_what_backups_need(invocation: Invocation, location: str, path: Path) -> None:
    """Say it where the configuration names another vault than the one that answered: a copy, or a disk elsewhere."""
    with contextlib.suppress(RebondError):  # what this machine cannot look up, the doctor says
        as_it_lies = load_configuration(path, invocation.environment).loaded
        for place in list_places(as_it_lies, only_main=True) if as_it_lies else ():
            if not is_same_place(place.address, location):
                note(
                    invocation,
                    tr(
                        "The configuration names the vault {named}, and all of this came from {location}. Before the "
                        "next backup, make that the url under [vault] in {path}.",
                        named=show_path(place.address if "://" in place.address else os.path.normpath(place.address)),
                        location=show_path(location),
                        path=show_path(str(path)),
                    ),
                )
    command = shlex.join(["rebond", "doctor", "--config", str(path)])
    note(invocation, tr("What else is missing for backups from here: {command}", command=command))
