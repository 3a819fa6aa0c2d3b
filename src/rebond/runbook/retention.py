"""Section 7: how long what is kept, what goes, what stays whatever happens."""

from collections.abc import Iterator

from rebond.config.classes import EVERYWHERE, BackupClass
from rebond.pages.blocks import Block, Commands, Grid, Heading, Paragraph, Points
from rebond.pages.words import Code, Text, say
from rebond.runbook.describing import describe_rhythm, describe_rules, show_span
from rebond.runbook.facts import Facts


def write_retention(facts: Facts) -> Iterator[Block]:
    """Write the section."""
    yield Heading(2, say("Retention"), "7")
    yield Heading(3, say("How long what is kept"), "7.1")
    yield from _write_rules(facts)
    yield from _write_exports(facts)
    yield Heading(3, say("Cleaning up"), "7.2")
    yield from _write_cleaning(facts)
    yield Heading(3, say("Legal holds"), "7.3")
    yield Points(
        (
            say("What must stay, for a law, an audit, a migration, is held; nothing forgets it."),
            say(
                "What must go by a law (personal data) goes by {rule} of the class, whatever else would keep "
                "it; ask the one who is responsible for data protection.",
                rule=Code("at_most"),
            ),
        )
    )
    yield Commands(('rebond hold latest --reason "audit"', "rebond snapshots --latest 1", "rebond unhold latest"))


def _write_rules(facts: Facts) -> Iterator[Block]:
    """Write what each class keeps, in each vault."""
    places = [each.name for each in facts.places if each.name == "vault" or each.name in _replicas(facts)] or ["vault"]
    classes = facts.configuration.classes
    if classes:
        yield Grid(
            (say("class"), say("when"), *(Code(each) for each in places)),
            [
                (Code(name), describe_rhythm(each), *(_rules_of(each, place) for place in places))
                for name, each in classes.items()
            ],
        )
    yield Paragraph(
        (say("Whatever the rules say, the newest whole snapshot of each component stays, and so does what is held."),)
    )


def _write_exports(facts: Facts) -> Iterator[Block]:
    exports = [(name, each) for name, class_ in facts.configuration.classes.items() for each in class_.export]
    if exports:
        yield Paragraph((say("Files that are written besides, for tools that know no vault:"),))
        yield Grid(
            (say("class"), say("component"), say("form"), say("where"), say("how long it is kept")),
            [
                (
                    Code(name),
                    Code(each.component),
                    Code(each.format),
                    Code(each.to),
                    show_span(each.keep) if each.keep else say("for ever"),
                )
                for name, each in exports
            ],
        )


def _write_cleaning(facts: Facts) -> Iterator[Block]:
    yield Paragraph(
        (
            say(
                "Both say first what they would do, and how many. Without `--dry-run` the first takes "
                "snapshots off the list, and the second frees their room."
            ),
        )
    )
    rules = "" if any(each.keep for each in facts.configuration.classes.values()) else " --keep-within 30d"
    if rules:
        yield Paragraph((say("No class of the configuration says how long it is kept: the rule below is an example."),))
    yield Commands((f"rebond forget{rules} --dry-run --explain", "rebond prune --dry-run"))
    yield Paragraph(
        (
            say(
                "What was forgotten lies in the trash until the next prune: {command} takes it back.",
                command=Code("rebond undelete SNAPSHOT"),
            ),
        )
    )
    yield Commands(("rebond snapshots --trash",))


def _replicas(facts: Facts) -> set[str]:
    return {each.name for each in facts.configuration.replica}


def _rules_of(class_: BackupClass, place: str) -> Text:
    if not class_.keep:
        return say("for ever")
    rules = class_.keep.get(place) or class_.keep.get(EVERYWHERE)
    return describe_rules(rules) if rules else say("by no rule")
