"""The four disasters: what to do first, in which order, how long it takes, what must not be done."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rebond.config.steps import Step
from rebond.pages.blocks import Block, Commands, Heading, Notice, Paragraph, Points
from rebond.pages.words import Code, Joined, Sentence, Text, say
from rebond.runbook.covered import find_first
from rebond.runbook.describing import show_run, show_span
from rebond.runbook.facts import Facts
from rebond.runbook.putting_back import NEW_FOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A disaster. ``usual`` is the time that such a thing takes by experience, in words."""

    name: str
    title: Sentence
    signs: Sentence
    usual: Sentence
    steps: Sequence[Text]
    warning: Sentence


def write_scenarios(facts: Facts) -> Iterator[Block]:
    """Write all four."""
    for number, scenario in enumerate(_list_scenarios(facts), 1):
        yield Heading(4, scenario.title, f"5.8.{number}")
        yield Paragraph((scenario.signs,))
        yield Paragraph(tuple(_describe_time(facts, scenario)))
        yield Points(tuple(scenario.steps), is_numbered=True)
        commands = list(_list_commands(facts, scenario.name))
        if commands:
            yield Commands(commands)
        yield Notice((scenario.warning,))


def _describe_time(facts: Facts, scenario: Scenario) -> Iterator[Text]:
    objective = facts.configuration.objective.get(scenario.name)
    if objective and objective.rto is not None:
        yield say("Promised within {span}.", span=show_span(objective.rto))
    drill = facts.history.newest_measure(scenario.name)
    if drill and drill.rto_seconds is not None:
        yield say("Measured by a drill: {span}.", span=show_span(drill.rto_seconds))
    else:
        wanted = f" --scenario {scenario.name}" if facts.offered.has("drill", "--scenario") else ""
        yield say("Not measured yet: run {command}.", command=Code(f"rebond drill{wanted}"))
    yield scenario.usual


def _list_scenarios(facts: Facts) -> tuple[Scenario, ...]:
    restoring = facts.configuration.restore
    stop = _show_steps(restoring.stop if restoring else ())
    start = _show_steps(restoring.start if restoring else ())
    isolate = _show_steps(restoring.isolate if restoring else ())
    return (
        _lost_service(stop, start),
        _corrupted_data(stop, start, has_oracle=_has_oracle(facts)),
        _lost_server(),
        _security_breach(isolate, is_listed=_can_list(facts)),
    )


def _has_oracle(facts: Facts) -> bool:
    """Say whether a drill can look for the last good moment: by the user's own checks."""
    drilling = facts.configuration.drill
    return drilling is not None and bool(drilling.checks) and facts.offered.has("drill", "--scenario")


def _can_list(facts: Facts) -> bool:
    """Say whether a drill can list the secrets that are to be changed."""
    return facts.offered.has("drill", "--scenario")


def _lost_service(stop: Text, start: Text) -> Scenario:
    return Scenario(
        name="lost-service",
        title=say("A service is lost"),
        signs=say("One service does not start, or its files are gone; the others run."),
        usual=say("By experience 5 to 10 minutes."),
        steps=(
            say("Which component does it need? Section 3.1."),
            say("Restore that component beside (5.5), and look at it."),
            say("Stop the service: {command}", command=stop),
            say("Put the component in its place (5.4, or by hand 5.5)."),
            say("Start: {command}", command=start),
            say("Ask whether it is healthy (5.10)."),
        ),
        warning=say("Restore only what is broken: an older state of the other components would not fit."),
    )


def _corrupted_data(stop: Text, start: Text, *, has_oracle: bool) -> Scenario:
    by_hand = say(
        "Find the last good moment: `rebond find NAME`, `rebond diff BEFORE AFTER`, or restore beside and "
        "look, halving the time between good and bad."
    )
    asked = say(
        "Find the last good moment: the last line below asks the questions of section 6.3 of one snapshot after the "
        "other, halving. What they do not see: `rebond find NAME`, `rebond diff BEFORE AFTER`."
    )
    return Scenario(
        name="corrupted-data",
        title=say("Data is corrupted"),
        signs=say("Rows or files are wrong or gone, and the machine itself is sound."),
        usual=say("By experience 30 to 60 minutes."),
        steps=(
            say("Stop what writes, so that it grows no worse: {command}", command=stop),
            say("Hold the last good snapshot first, so that nothing lets it go: the first line below."),
            say(
                "Keep what is there now, damaged as it is; it may be needed: the second line. From then on "
                "`latest` is the damaged one: give ids."
            ),
            asked if has_oracle else by_hand,
            say(
                "Restore that snapshot beside (5.3, with its id in place of `latest`), and ask it the "
                "questions of section 6.3."
            ),
            say(
                "Put it in place (5.4 or 5.5, which says how a single table comes back); with a physical PostgreSQL, "
                "up to the second before (5.7)."
            ),
            say("What was written since: take it over from the copy that was kept."),
            say("Start: {command}", command=start),
            say("Ask whether it is healthy (5.10), and tell people which hours are lost."),
        ),
        warning=say(
            "Is the newest snapshot still good? It may have been made after the damage: then hold the "
            "last one from before, by its id."
        ),
    )


def _lost_server() -> Scenario:
    return Scenario(
        name="lost-server",
        title=say("The server is lost"),
        signs=say("The machine does not come back: burnt, stolen, deleted."),
        usual=say("By experience 1 to 2 hours, most of it the new machine."),
        steps=(
            say("Get a new machine, with at least the room of section 2.1."),
            say("Take the recovery kit out of the safe."),
            say("Follow section 5.9."),
            say("Point names and addresses (DNS) to the new machine."),
            say("Ask whether it is healthy (5.10), make a backup at once, and hand the calendar over (4.3)."),
            say("If somebody may have the old disk: go on with the next disaster, all secrets."),
        ),
        warning=say("Do not delete the old machine at the provider before the new one was asked all questions."),
    )


def _security_breach(isolate: Text, *, is_listed: bool) -> Scenario:
    listed = say(
        "Change every secret of section 3.4 before the application is reachable. The last line below lists each, with "
        "where it is kept and used, and what changed since: the id of the snapshot from before in place of `latest`."
    )
    return Scenario(
        name="security-breach",
        title=say("Somebody broke in"),
        signs=say("Foreign processes, accounts, files, changed code; a secret that is public."),
        usual=say("By experience 2 to 4 hours."),
        steps=(
            say("Isolate the machine, leave it running, touch nothing: {command}", command=isolate),
            say("Tell the one who decides (9.3), and write down the time of every step."),
            say(
                "From another machine: shut this machine's key out: {command}", command=Code("rebond key revoke LABEL")
            ),
            say(
                "Since when? Look at the logs, and at what changed: `rebond diff BEFORE AFTER`, with the ids of two "
                "snapshots."
            ),
            say("On a new machine, restore what is from before (5.9, with `--at` and a moment)."),
            listed if is_listed else say("Change every secret of section 3.4 before the application is reachable."),
            say(
                "Audit: `rebond history --check`, `rebond verify --read-data`, the logs of the machine and of "
                "the store."
            ),
            say("Open it to the world again, make a backup, and write down what happened."),
        ),
        warning=say(
            "A snapshot from after the break-in brings the intruder back. Secrets in snapshots from "
            "before are known to whoever could read them: change them all."
        ),
    )


def _show_steps(steps: Sequence[Step]) -> Text:
    if not steps:
        return say("as you know it; the configuration does not say")
    return Joined(tuple(Code(show_run(each.run)) for each in steps), "; ")


def _list_commands(facts: Facts, scenario: str) -> Iterator[str]:
    first = find_first(facts)
    match scenario:
        case "lost-service" if first:
            yield from (NEW_FOLDER, f'rebond restore latest {first} --to "$TO"')
        case "corrupted-data":
            yield from (
                'rebond hold latest --reason "last good state"',
                "rebond backup --tag damaged",
                "rebond snapshots --latest 10",
            )
            if _has_oracle(facts):
                yield "rebond drill --scenario corrupted-data"
        case "security-breach":
            yield from ("rebond key list", "rebond history --check", "rebond verify --read-data")
            if _can_list(facts):
                yield "rebond drill latest --scenario security-breach"
