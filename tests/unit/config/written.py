"""Configurations as they are written, and what they come to."""

import pathlib
import textwrap

from rebond.config.loading import Verdict, load_configuration
from rebond.config.model import Configuration

HEAD = 'version = 1\n[stack]\nname = "shop"\n'


def read(folder: pathlib.Path, text: str, **environment: str) -> Verdict:
    """Write a configuration and read it."""
    path = folder / "rebond.toml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return load_configuration(path, environment)


def read_body(folder: pathlib.Path, body: str, **environment: str) -> Verdict:
    """Read what follows three lines that every configuration has: the body begins on line 4."""
    return read(folder, HEAD + textwrap.dedent(body).lstrip("\n"), **environment)


def read_good(folder: pathlib.Path, body: str, **environment: str) -> Configuration:
    """Read a body that has no problems."""
    verdict = read_body(folder, body, **environment)
    assert told(verdict) == []
    assert verdict.loaded
    return verdict.loaded.configuration


def told(verdict: Verdict) -> list[tuple[int, str, str]]:
    """Return each problem: line, message, hint."""
    return [(each.place.line, each.error.message, each.error.hint) for each in verdict.problems]
