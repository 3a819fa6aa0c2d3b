"""Runbooks of configurations that are only read: facts as they would be, without a vault."""

import pathlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from rebond.cli.runbook.facts import list_offered
from rebond.config.loading import load_configuration
from rebond.config.model import Loaded
from rebond.language import translate
from rebond.pages.html import write_html
from rebond.pages.markdown import write_markdown
from rebond.pages.words import say
from rebond.runbook.facts import Facts, HistoryFacts, Machine, PlaceFacts, VaultFacts
from rebond.runbook.gathering import read_files
from rebond.runbook.writing import write_runbook

EXAMPLES = pathlib.Path(__file__).parents[3] / "docs" / "examples"
WRITTEN_MS = 1_770_000_000_000
OFFERED = list_offered()


def load(path: pathlib.Path, variables: Mapping[str, str] | None = None) -> Loaded:
    loaded = load_configuration(path, variables or {}).loaded
    assert loaded is not None
    return loaded


def facts_of(loaded: Loaded, language: str = "en", **changes: Any) -> Facts:
    """Return what a runbook is written from, with nothing measured unless told."""
    stack = loaded.configuration.stack
    facts = Facts(
        configuration=loaded.configuration,
        machine=Machine(
            host="server",
            user="keeper",
            program="rebond 1.2.3",
            configuration_files=loaded.files,
            root=loaded.root,
            state_folder=pathlib.Path("/state"),
            cache_folder=pathlib.Path("/cache"),
            stack_folder=pathlib.Path("/state/stacks/x"),
        ),
        places=[
            PlaceFacts(name="vault", address="/backups/vault", purpose=say("the snapshots of the stack"), opened_by="x")
        ],
        vault=VaultFacts(),
        history=HistoryFacts(),
        offered=OFFERED,
        zone=ZoneInfo(stack.timezone or "UTC"),
        language=language,
        written_ms=WRITTEN_MS,
        files=read_files(loaded),
    )
    return replace(facts, **changes)


def markdown_of(facts: Facts) -> str:
    return write_markdown(write_runbook(facts), lambda template: translate(template, facts.language))


def html_of(facts: Facts) -> str:
    return write_html(write_runbook(facts), lambda template: translate(template, facts.language))
