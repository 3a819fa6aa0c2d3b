"""Section 5: coming back: what to choose, how to look first, each component, in place, a moment, a bare machine."""

from collections.abc import Iterator

from rebond.config.components import Postgres
from rebond.config.steps import Restoring, Step
from rebond.pages.blocks import Block, Boxes, Commands, Grid, Heading, Notice, Output, Paragraph
from rebond.pages.shell_words import quote
from rebond.pages.words import Code, Joined, Text, say
from rebond.runbook.coming_back import write_bare_machine, write_health
from rebond.runbook.covered import can_go_in_place, find_first
from rebond.runbook.describing import show_run, show_span
from rebond.runbook.facts import Facts
from rebond.runbook.moments import write_going_on, write_moments
from rebond.runbook.objectives import measured_of
from rebond.runbook.putting_back import NEW_FOLDER, write_putting_back
from rebond.runbook.questions import list_questions, write_open_boxes
from rebond.runbook.saving import describe_failure, write_last_run
from rebond.runbook.scenarios import write_scenarios

TRY_BESIDE = 'rebond restore latest --to "$TO" --dry-run'
IN_PLACE = "rebond restore latest --in-place --dry-run"


def write_restoring(facts: Facts) -> Iterator[Block]:
    """Write the section."""
    yield Heading(2, say("Restoring"), "5")
    yield Heading(3, say("Before anything else"), "5.1")
    yield Notice(
        (
            say(
                "Take a breath. What is stored cannot be lost by a restore: it only reads the vault. What can "
                "be lost is what is still on the machine, so nothing is overwritten before it was moved "
                "aside."
            ),
        )
    )
    yield Boxes(write_open_boxes(list_questions("restore")))
    yield Heading(3, say("Which snapshot"), "5.2")
    yield from _write_choice(facts)
    yield Heading(3, say("Look first: restore beside"), "5.3")
    yield from _write_beside(facts)
    yield Heading(3, say("In place, by the plan"), "5.4")
    yield from _write_in_place(facts)
    yield Heading(3, say("Component by component"), "5.5")
    yield from _write_components(facts)
    yield Heading(3, say("One file, one folder"), "5.6")
    yield from _write_one_path(facts)
    yield Heading(3, say("To a moment"), "5.7")
    yield from write_moments(facts)
    yield Heading(3, say("When … then"), "5.8")
    yield from write_scenarios(facts)
    yield Heading(3, say("On a bare machine"), "5.9")
    yield from write_bare_machine(facts)
    yield Heading(3, say("Is it back?"), "5.10")
    yield from write_health(facts)


def _write_choice(facts: Facts) -> Iterator[Block]:
    yield Paragraph(
        (
            say(
                "`latest` is the newest whole snapshot. An id, the beginning of one, or a day (`2026-02-04`: "
                "the newest whole one of that day) name others; `latest:CLASS` is the newest of a class."
            ),
        )
    )
    yield Commands(("rebond snapshots --latest 20",))
    snapshot = facts.vault.newest_whole
    if snapshot and len(facts.vault.snapshots) > 1:
        before = facts.vault.snapshots[-2]
        yield Paragraph((say("What changed between two of them, and between the newest and what is there now:"),))
        yield Commands((f"rebond diff {before.id} {facts.vault.snapshots[-1].id}", "rebond diff latest --live"))
    yield Paragraph((say("When was a file still good? Every version of it, over all snapshots:"),))
    yield Commands((f"rebond find {quote(_pattern(facts))}",))


def _pattern(facts: Facts) -> str:
    name = find_first(facts)
    return f"{name}/*" if name else "*/*"  # all lies apart


def _write_beside(facts: Facts) -> Iterator[Block]:
    yield Paragraph(
        (
            say(
                "This touches nothing that lives: all of it goes below a new folder, one directory for each "
                "component. Choose a disk with room."
            ),
        )
    )
    yield Commands((NEW_FOLDER, TRY_BESIDE))
    if output := facts.outputs.get(TRY_BESIDE):
        yield Paragraph((say("What it said when this page was made:"),))
        yield Output(output)
    yield Commands(('rebond restore latest --to "$TO"', 'ls -lA "$TO"'))
    yield from write_last_run(facts, facts.history.newest_restore("to"))
    yield Paragraph(
        (
            say(
                "The last line says where things are. If it was interrupted, type the same line again with "
                "`--overwrite changed`: what is there already is not written twice."
            ),
        )
    )


def _write_in_place(facts: Facts) -> Iterator[Block]:
    yield Paragraph(
        (
            say(
                "The order is always this: verify the snapshot, see that there is room, stop what writes, "
                "move the old version aside, put the files back, rebuild, restore the databases, make again "
                "what is regenerable, start, ask whether it is healthy; then keep it, or go back to the old "
                "version."
            ),
        )
    )
    yield from _write_own_steps(facts.configuration.restore)
    if facts.offered.has("restore", "--in-place"):
        yield Paragraph((say("The plan with what each step is expected to take, and then the plan itself:"),))
        yield Commands((IN_PLACE,))
        if output := facts.outputs.get(IN_PLACE):
            yield Output(output)
        yield Commands(("rebond restore latest --in-place --yes",))
        yield from write_last_run(facts, facts.history.newest_restore("in_place"))
        yield Paragraph(
            (
                say(
                    "If it stops, it prints the two lines that go on or go back: {resume}, {rollback}. When all "
                    "is well, {accept} lets the old version go.",
                    resume=Code("rebond restore --resume RUN"),
                    rollback=Code("rebond restore --rollback RUN"),
                    accept=Code("rebond restore --accept RUN"),
                ),
            )
        )
    else:
        yield Notice(
            (
                say(
                    "This version has no restore in place: restore beside (5.3), then put each component in its "
                    "place (5.5) between stop and start."
                ),
            )
        )


def _write_own_steps(restoring: Restoring | None) -> Iterator[Block]:
    """Write the commands that the configuration gives for coming back, and how long the old version stays."""
    steps: list[tuple[Text, Step]] = []
    if restoring:
        for words, each in (
            (say("isolate"), restoring.isolate),
            (say("stop"), restoring.stop),
            (say("rebuild"), restoring.rebuild),
            (say("start"), restoring.start),
        ):
            steps += [(words, step) for step in each]
    if steps:
        yield Paragraph((say("The commands of this stack:"),))
        yield Grid(
            (say("step"), say("command"), say("where"), say("at most"), say("if it fails")),
            [_step_row(words, step) for words, step in steps],
        )
    else:
        yield Notice(
            (
                say(
                    "The configuration has no `[restore]`: nothing says how the services are stopped and started. "
                    "Write down here how: ______________________________"
                ),
            )
        )
    if restoring and restoring.aside:
        yield Paragraph((say("The old version is kept aside for {span}.", span=show_span(restoring.aside.keep)),))


def _step_row(words: Text, step: Step) -> tuple[Text, ...]:
    where: Text = Code(f"{step.inside.engine}:{step.inside.name}") if step.inside else say("this machine")
    if step.only_for:
        words = Joined((words, say("(only for {names})", names=", ".join(step.only_for))), " ")
    return words, Code(show_run(step.run)), where, show_span(step.timeout), describe_failure(step)


def _write_components(facts: Facts) -> Iterator[Block]:
    for number, (name, component) in enumerate(facts.configuration.component.items(), 1):
        yield Heading(4, Joined((Code(name), component.kind), " · "), f"5.5.{number}")
        if component.rto is not None:
            yield Paragraph(
                (
                    say(
                        "Promised within {span}; measured: {measured}.",
                        span=show_span(component.rto),
                        measured=measured_of(facts, name),
                    ),
                )
            )
        if can_go_in_place(facts, name, component):
            yield Paragraph((say("In its place, by the plan (5.4), with the old version kept:"),))
            yield Commands((f"rebond restore latest {name} --in-place --dry-run",))
            yield Paragraph(
                (
                    say(
                        "Without {option}, and with {consent}, it is done.",
                        option=Code("--dry-run"),
                        consent=Code("--yes"),
                    ),
                )
            )
            if isinstance(component, Postgres) and component.wal is not None:
                yield from write_going_on(facts, name, component)
        yield from write_putting_back(facts, name, component)


def _write_one_path(facts: Facts) -> Iterator[Block]:
    yield Paragraph(
        (
            say(
                "What is in it, then only what matches; `rebond cat SNAPSHOT PATH` writes one file to the terminal or "
                "into a pipe."
            ),
        )
    )
    name = find_first(facts)
    if name is None:
        return
    yield Commands(
        (f"rebond ls latest {name} -l", NEW_FOLDER, f"rebond restore latest {name} --include '*' --to \"$TO\"")
    )
    yield Paragraph((say("For instance: {command}", command=Code(f"rebond cat latest {name}/PATH > FILE")),))
