"""Words for what a configuration says: where a component lives, where a secret stands, how long something is kept."""

import re
from collections.abc import Mapping

from rebond.config.classes import EVERYWHERE, BackupClass, Keep
from rebond.config.components import Command, Component, Django, Files, Images, Postgres, Secrets, Sqlite
from rebond.config.references import (
    FromCommand,
    FromEnvironment,
    FromFile,
    FromHashicorp,
    FromKeyring,
)
from rebond.config.references import Text as Words
from rebond.config.steps import Run
from rebond.logs.masking import MASK, mask
from rebond.pages.shell_words import join
from rebond.pages.words import Code, Joined, Sentence, Text, say
from rebond.runbook.facts import Facts
from rebond.units import format_moment, format_span

_IN_ADDRESS = re.compile(r"(?<=://)([^/\s:@]*):([^/\s@]+)@")
_ASSIGNED = re.compile(
    r"(?i)\b([\w-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|_pwd)[\w-]*\s*[=:]\s*)"
    r"(\"[^\"]*\"|'[^']*'|[^\s\"',;{}]+)"
)
_AFTER_OPTION = re.compile(r"(?i)(--?(?:password|passwd|passphrase|token|secret|api-?key)[= ]+)(?!\$|\{)(\S+)")
_NOT_A_SECRET = re.compile(r"\$|\{|\*\*\*|for-ever$")  # the last: what `keep` says of a vault called secrets


def conceal(text: str) -> str:
    """Return words of the configuration without what looks like a secret: in addresses, assignments and options."""
    text = _IN_ADDRESS.sub(rf"\1:{MASK}@", mask(text))
    text = _ASSIGNED.sub(_conceal_value, text)
    return _AFTER_OPTION.sub(rf"\1{MASK}", text)


def _conceal_value(found: re.Match[str]) -> str:
    return found[0] if _NOT_A_SECRET.match(found[2].strip("\"'")) else found[1] + MASK


def show_run(run: Run) -> str:
    """Return a command as one would type it."""
    return conceal(run if isinstance(run, str) else join(run))


def show_words(words: Words | None) -> Text:
    """Return what text of the configuration says, or where it stands."""
    return Code(conceal(words)) if isinstance(words, str) else describe_reference(words)


def describe_reference(reference: Words | None) -> Text:
    """Return where a text stands. What it is, is never looked up."""
    match reference:
        case None:
            return "–"
        case str():
            return Code(conceal(reference))
        case FromFile():
            return say("the file {path}", path=Code(reference.file))
        case FromEnvironment():
            return say("the variable {name}", name=Code(reference.env))
        case FromCommand():
            return say("the output of {command}", command=Code(conceal(reference.command)))
        case FromKeyring():
            return say("the keyring, {entry}", entry=Code(reference.keyring))
        case FromHashicorp():
            return say("HashiCorp Vault, {path}", path=Code(reference.hashicorp))


def describe_home(component: Component) -> Text:
    """Return where a component lives."""
    parts: list[Text] = []
    if component.inside:
        parts.append(Code(f"{component.inside.engine}:{component.inside.name}"))
    if component.volume is not None:
        parts.append(say("volume {name}", name=show_words(component.volume)))
    parts += _list_places(component)
    return Joined(tuple(parts)) if parts else "–"


def _list_places(component: Component) -> list[Text]:
    match component:
        case Files() | Sqlite():
            return [Code(each) for each in (*([component.path] if component.path else []), *component.paths)]
        case Secrets():
            found: list[Text] = [
                Code(each) for each in (*([component.path] if component.path else []), *component.paths)
            ]
            found += [say("Secrets of Kubernetes")] if component.kubernetes else []
            return found + (
                [say("HashiCorp Vault, below {mount}", mount=Code(component.hashicorp.mount))]
                if component.hashicorp
                else []
            )
        case Postgres():
            named = (component.database, *component.databases)
            server = component.url or component.host
            return [show_words(each) for each in (server, *named) if each is not None]
        case Command():
            return [Code(show_run(component.run))]
        case Django():
            return [Code(component.manage)]
        case Images():
            return [say("the images of the compose files and pods")]
    return [Code(each) for each in (getattr(component, "path", None),) if each]


def describe_rhythm(class_: BackupClass) -> Text:
    """Return when a class is saved."""
    if class_.schedule:
        return Code(class_.schedule)
    return describe_trigger(class_.trigger)


def describe_trigger(trigger: str | None) -> Text:
    """Return what starts a class that has no hours."""
    words: Mapping[str, Sentence] = {
        "change": say("at every change"),
        "commit": say("at every commit"),
        "start": say("at every start"),
        "manual": say("by hand"),
    }
    return words.get(trigger or "manual", trigger or "")


def describe_components(class_: BackupClass) -> Text:
    """Return what a class saves."""
    return say("everything") if class_.takes_all else Joined(tuple(Code(each) for each in class_.components))


def describe_keep(class_: BackupClass) -> Text:
    """Return how long a class is kept in each place."""
    if not class_.keep:
        return say("for ever: nothing is forgotten")
    if set(class_.keep) == {EVERYWHERE}:
        return describe_rules(class_.keep[EVERYWHERE])
    rows = [say("{word}: {text}", word=Code(place), text=describe_rules(rules)) for place, rules in class_.keep.items()]
    return Joined(tuple(rows), "; ")


def describe_rules(keep: Keep) -> Text:
    """Return retention rules in words."""
    if keep.for_ever:
        return say("for ever")
    parts: list[Text] = []
    if keep.within is not None:
        parts.append(show_span(keep.within))
    counts = (
        (keep.last, say("the newest {count}", count=keep.last)),
        (keep.hourly, say("{count} hourly", count=keep.hourly)),
        (keep.daily, say("{count} daily", count=keep.daily)),
        (keep.weekly, say("{count} weekly", count=keep.weekly)),
        (keep.monthly, say("{count} monthly", count=keep.monthly)),
        (keep.yearly, say("{count} yearly", count=keep.yearly)),
    )
    parts += [words for count, words in counts if count]
    if keep.tags:
        parts.append(say("those tagged {tags}", tags=", ".join(keep.tags)))
    if keep.at_most is not None:
        parts.append(say("never longer than {span}", span=show_span(keep.at_most)))
    return Joined(tuple(parts))


def describe_role(role: str) -> Text:
    """Return what a member of a vault may do, in a word."""
    words: Mapping[str, Sentence] = {"owner": say("owner"), "writer": say("writer"), "keeper": say("keeper")}
    return words.get(role, role)


def describe_rhythm_word(rhythm: str) -> Text:
    """Return a rhythm of verifying or drilling; what is no word of ours is a line of cron."""
    words: Mapping[str, Sentence] = {
        "each": say("each time"),
        "hourly": say("hourly"),
        "daily": say("daily"),
        "weekly": say("weekly"),
        "monthly": say("monthly"),
        "yearly": say("yearly"),
    }
    return words.get(rhythm, Code(rhythm))


def show_span(seconds: float) -> str:
    """Return a length of time as people say it: whole units where it is whole."""
    if seconds == 0:
        return "0 s"
    return f"{round(seconds)} s" if seconds < 10 and seconds == round(seconds) else format_span(seconds)


def show_moment(facts: Facts, moment_ms: int) -> str:
    """Return a moment in the stack's time zone."""
    return format_moment(moment_ms, facts.zone)
