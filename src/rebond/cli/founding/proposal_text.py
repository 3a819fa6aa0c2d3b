"""A proposal as the text of a configuration: with the reasons as comments, in the reader's language."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from rebond.cli.configuration.toml_text import write_value
from rebond.cli.output.speech import language, show_path, tr
from rebond.language import translate
from rebond.stack.discovery.proposal import Proposal, ProposedPart
from rebond.stack.discovery.remarks import Remark
from rebond.wording import fill

WIDTH = 110
RULE = 100


def write_configuration(proposal: Proposal, vault: ProposedPart) -> str:
    """Return the file. It holds references to secrets and no secret."""
    name = str(proposal.stack.lines["name"])
    blocks = [
        _comment(
            tr("What Rebond saves of {name}, when, and how long it is kept. Change it as you like.", name=name),
            tr("'rebond config check' says what is wrong with it, 'rebond doctor' what keeps a backup from working."),
            *map(say_remark, proposal.remarks),
        ),
        ["version = 1"],
        _part(proposal.stack),
        _part(vault),
        _replica(),
        _rule(tr("what is saved")),
        *map(_part, proposal.components),
        _rule(tr("when, and how long it is kept")),
        *map(_part, proposal.classes),
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def say_remark(remark: Remark) -> str:
    """Return a remark in the reader's language, on one line."""
    shown = {key: show_path(each) if isinstance(each, str) else each for key, each in remark.values.items()}
    return fill(translate(remark.template, language()), shown)


def _part(part: ProposedPart) -> list[str]:
    lines = [f"[{part.heading}]", *_lines(part.lines)]
    if not part.is_active:
        lines = [f"# {line}" for each in lines for line in each.splitlines()]
    return [*_comment(*map(say_remark, part.remarks)), *lines]


def _lines(lines: Mapping[str, object]) -> Iterable[str]:
    width = max(map(len, lines), default=0)
    for key, value in lines.items():
        yield f"{key.ljust(width)} = {_text(value)}"


def _text(value: object) -> str:
    if isinstance(value, str) and "\n" in value and "'''" not in value and value.replace("\n", "").isprintable():
        return f"'''\n{value}'''"
    return write_value(value)


def _comment(*sentences: str) -> list[str]:
    return [f"# {line}" for each in sentences if each for line in textwrap.wrap(each, WIDTH, break_long_words=False)]


def _rule(title: str) -> list[str]:
    return [f"# ---- {title} ".ljust(RULE, "-")]


def _replica() -> list[str]:
    remark = tr(
        "A second copy elsewhere helps against the loss of this machine. This version does not make it by itself: copy "
        "the vault there with another tool, and name the place here, for the runbook."
    )
    lines: Sequence[str] = (
        "[[replica]]",
        'name   = "elsewhere"',
        'url    = "s3://BUCKET/vault"',
        'medium = "object-store"',
    )
    return [*_comment(remark), *(f"# {each}" for each in lines)]
