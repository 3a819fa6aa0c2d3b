"""Section 4: making snapshots, by hand and unattended, and judging them."""

from collections.abc import Iterator

from rebond.config.steps import Step
from rebond.pages.blocks import Block, Boxes, Commands, Grid, Heading, Notice, Output, Paragraph, Points
from rebond.pages.words import Code, Text, say
from rebond.runbook.comparing import write_comparison
from rebond.runbook.covered import find_first, list_physical
from rebond.runbook.describing import describe_reference, describe_rhythm, show_moment, show_run, show_span
from rebond.runbook.facts import Facts, RunFacts
from rebond.runbook.figures import write_alarms, write_expectations
from rebond.runbook.questions import list_questions, write_open_boxes
from rebond.schedule.cron_lines import CRON_D, cron_file_name
from rebond.schedule.systemd_units import unit_prefix
from rebond.units import format_size

MANUAL = "manual"
NEWEST_SNAPSHOTS = "rebond snapshots --latest 5"


def write_saving(facts: Facts) -> Iterator[Block]:
    """Write the section."""
    yield Heading(2, say("Backing up"), "4")
    yield Heading(3, say("Before"), "4.1")
    yield Boxes(write_open_boxes(list_questions("before")))
    yield Paragraph(
        (say("This ticks by itself what can be seen, and asks for the rest; it ends with 3 while a box is open:"),)
    )
    yield Commands(("rebond checklist before",))
    yield Heading(3, say("A backup now"), "4.2")
    yield from _write_now(facts)
    yield Heading(3, say("What runs by itself"), "4.3")
    yield from _write_unattended(facts)
    yield Heading(3, say("Around a backup"), "4.4")
    yield from _write_hooks(facts)
    yield Heading(3, say("While it runs"), "4.5")
    yield Boxes(write_open_boxes(list_questions("during")))
    yield Commands(("rebond checklist during",))
    yield Heading(3, say("After: is it good?"), "4.6")
    yield Boxes(write_open_boxes(list_questions("after")))
    yield Commands((NEWEST_SNAPSHOTS, "rebond verify", "rebond ls latest", "rebond checklist after"))
    if output := facts.outputs.get(NEWEST_SNAPSHOTS):
        yield Paragraph((say("What the first wrote when this page was made:"),))
        yield Output(output)
    yield from write_expectations(facts)
    yield Heading(3, say("Who is told"), "4.7")
    yield from _write_notices(facts)
    yield Heading(3, say("The ways of saving, compared"), "4.8")
    yield from write_comparison(facts)
    yield Heading(3, say("Figures that raise an alarm"), "4.9")
    yield from write_alarms(facts)


def _write_now(facts: Facts) -> Iterator[Block]:
    yield Paragraph((say("Everything that is usually saved, as one snapshot of one moment:"),))
    yield Commands(("rebond backup",))
    yield from write_last_run(facts, facts.history.newest_good("backup"))
    component = find_first(facts)
    if component:
        yield Paragraph(
            (say("One component alone; such a snapshot is no whole set and never {latest}:", latest=Code("latest")),)
        )
        yield Commands((f"rebond backup {component} --note runbook",))
    for name, each in facts.configuration.classes.items():
        words = say(
            "The class {name} ({when}), as its timer would make it:", name=Code(name), when=describe_rhythm(each)
        )
        if each.trigger == MANUAL:
            words = say("The class {name}, which is made by hand only:", name=Code(name))
        yield Paragraph((words,))
        is_gate = each.drill is not None and each.drill.rhythm == "each" and facts.offered.has("backup", "--drill")
        yield Commands((f"rebond backup --class {name}" + (" --drill" if is_gate else ""),))
        yield from write_last_run(facts, facts.history.newest_good("backup", name))
    yield Notice(
        (
            say(
                "**Good** is exit status 0: `echo $?`. Status 3 means that a snapshot stands and something "
                "has to be looked at; every other one that nothing was listed, and the last good snapshot "
                "stays the latest."
            ),
        )
    )


def write_last_run(facts: Facts, run: RunFacts | None) -> Iterator[Block]:
    """Write what a run of this kind came to the last time, from the ledger; nothing where there was none."""
    if run is None:
        return
    moment, span = show_moment(facts, run.began_ms), show_span(run.seconds)
    if not run.bytes:  # of a restore the ledger does not say it
        text = say(
            "The last one was on {moment}: exit status {status}, {span}.", moment=moment, status=run.status, span=span
        )
    else:
        text = say(
            "The last one was on {moment}: exit status {status}, {span}, {size} read.",
            moment=moment,
            status=run.status,
            span=span,
            size=format_size(run.bytes),
        )
    yield Paragraph((text,))


def _write_unattended(facts: Facts) -> Iterator[Block]:
    schedule = facts.configuration.schedule
    started = (
        say("Runs are started by {by}.", by=Code(schedule.by))
        if schedule
        else say("Nobody starts the runs: `[schedule]` is not in the configuration.")
    )
    yield Paragraph((started, say("What runs when, what ran last, and what comes next:")))
    yield Commands(("rebond schedule show", "rebond schedule next --count 5"))
    if schedule:
        yield Paragraph((say("After a change of hours or classes, hand the calendar over again:"),))
        yield Commands(("rebond schedule install",))
        yield Paragraph(tuple(_describe_starter(facts, schedule.by)))
    serving = facts.configuration.serve
    if serving and serving.listen:
        address = f"curl http://{serving.listen}/healthz"
        yield Paragraph((say("Whether the process that starts them is well: {command}", command=Code(address)),))
    if facts.offered.has("wal status") and list_physical(facts):
        yield from _write_log(facts)
    yield Paragraph((say("To keep it still during work on the stack; a pause ends by itself:"),))
    yield Commands(('rebond pause --until 1h --reason "work on the stack"', "rebond resume"))


def _write_log(facts: Facts) -> Iterator[Block]:
    """Write how the log of a database gets into the vault, and how one sees that it does."""
    yield Paragraph(
        (
            say("How far the write-ahead log of the database has come into the vault:"),
            say("It ends with 3 for a warning, and with 34 where something is missing in the middle."),
        )
    )
    yield Commands(("rebond wal status",))
    yield Paragraph(
        (
            say(
                "The lines of `postgresql.conf` that this takes, and the one with which a server that recovers gets "
                "its log back:"
            ),
        )
    )
    yield Commands(("rebond wal settings",))
    ways = {getattr(facts.configuration.component[name], "wal", None) for name in list_physical(facts)}
    if "archive-command" in ways:
        yield Paragraph(
            (
                say(
                    "PostgreSQL hands each file over by `rebond-wal`, which `rebond serve` answers; alone it is "
                    "{command}.",
                    command=Code("rebond wal serve"),
                ),
            )
        )
    if "receive" in ways:
        yield Paragraph(
            (
                say(
                    "The log is received over a connection of its own by `rebond serve`; alone it is {command}.",
                    command=Code("rebond wal receive"),
                ),
            )
        )


def _describe_starter(facts: Facts, by: str) -> Iterator[Text]:
    """Yield how one sees that whoever starts the runs does so."""
    if by in {"systemd", "serve"}:
        units = f"{unit_prefix(facts.stack)}*"
        yield say("Its units: {command}", command=Code(f"systemctl list-timers --all '{units}'"))
        yield say("What they said: {command}", command=Code(f"journalctl -u '{units}' --since yesterday"))
    elif by == "cron.d":
        yield say("Its file: {path}", path=Code(f"{CRON_D}/{cron_file_name(facts.stack)}"))
    elif by == "cron":
        yield say("Its lines: {command}", command=Code("crontab -l"))


def _write_hooks(facts: Facts) -> Iterator[Block]:
    hooks = facts.configuration.hooks
    steps = (
        [*((say("before"), each) for each in hooks.before), *((say("after"), each) for each in hooks.after)]
        if hooks
        else []
    )
    if not steps:
        yield Paragraph((say("Nothing is stopped or started around a backup."),))
        return
    yield Grid(
        (say("when"), say("command"), say("at most"), say("if it fails")),
        [(when, Code(show_run(each.run)), show_span(each.timeout), describe_failure(each)) for when, each in steps],
    )


def describe_failure(step: Step) -> Text:
    """Return what the failure of a step means."""
    words = {"stop": say("all stops"), "warn": say("a warning"), "ignore": say("nothing")}
    return words[step.on_failure]


def _write_notices(facts: Facts) -> Iterator[Block]:
    notify = facts.configuration.notify
    if notify is None:
        yield Notice(
            (say("Nobody is told: `[notify]` is not in the configuration. Look at `rebond history` every day."),)
        )
        return
    if not facts.offered.sends_notices:
        yield Notice(
            (say("This version does not send them yet: look at `rebond history` and `rebond status` every day."),)
        )
    rows: list[Text] = []
    for words, receivers in (
        (say("begin"), notify.started),
        (say("success"), notify.success),
        (say("warning"), notify.warning),
        (say("failure"), notify.failure),
    ):
        rows += [
            say("{event}: to the address in {place}", event=words, place=describe_reference(each.to))
            for each in receivers
        ]
    if notify.heartbeat is not None:
        rows.append(
            say(
                "a heartbeat after each good run, to the address in {place}", place=describe_reference(notify.heartbeat)
            )
        )
    yield Points(rows)
