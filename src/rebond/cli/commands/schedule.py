"""``rebond schedule``: what runs when, and who starts it."""

from itertools import islice

import click

from rebond.cli.configuration.at_hand import require_configuration
from rebond.cli.grammar.verbs import Place, Verbs, option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import answer, note
from rebond.cli.output.speech import tr
from rebond.cli.output.tables import format_facts, format_table
from rebond.clock import SystemClock
from rebond.config.model import Loaded
from rebond.errors import UnknownName
from rebond.schedule.beside import SECRETS_LOCK
from rebond.schedule.foreseeing import Foreseen, find_next, foresee
from rebond.schedule.handing_over import find_user_of_runs, name_of_this_user
from rebond.schedule.holding import RUN_LOCK, find_holder
from rebond.schedule.jobs import Calendar, Job, make_calendar
from rebond.schedule.pausing import Pause, read_pause
from rebond.schedule.records import JobRecord, Records
from rebond.schedule.stack_folders import SERVE_LOCK, folder_of
from rebond.units import format_iso, format_moment

schedule = Verbs(
    "schedule",
    places=[
        Place("rebond.cli.commands.schedule", "show", "Show what runs when, what ran last, and who starts it."),
        Place("rebond.cli.commands.schedule", "next", "List the runs to come."),
        Place("rebond.cli.commands.schedule_handing", "install", "Hand the calendar to systemd, cron or Git."),
        Place("rebond.cli.commands.schedule_handing", "remove", "Take back what install handed over."),
        Place("rebond.cli.commands.schedule_handing", "export", "Print what install would hand over."),
    ],
    help="Show what runs when, and hand it to systemd, cron or Git.",
    example="rebond schedule show",
)


@verb(
    "show",
    help="Show each class with its rhythm, its last run and its next, whether 'rebond serve' runs, what runs now, and "
    "a pause.",
    example="rebond schedule show",
)
@click.pass_obj
def show(invocation: Invocation) -> None:
    """Read the configuration and the state of this machine; ask no vault."""
    loaded = require_configuration(invocation)
    calendar, now_ms = make_calendar(loaded.configuration), SystemClock().now_ms()
    user = find_user_of_runs(loaded)
    if user and user != name_of_this_user() and not invocation.environment.get("REBOND_STATE_DIR"):
        note(
            invocation, tr("The runs are {user}'s: what ran is shown by sudo -u {user} rebond schedule show", user=user)
        )
    folder = folder_of(invocation.state_folder, loaded)
    records = Records(folder)
    rows = [(job, records.read(job.name), find_next(calendar, job, now_ms)) for job in calendar.jobs]
    pause, serving = read_pause(folder, now_ms), find_holder(folder / SERVE_LOCK)
    running = [each.what for name in (RUN_LOCK, SECRETS_LOCK) if (each := find_holder(folder / name))]
    document = {
        "stack": loaded.configuration.stack.name,
        "timezone": str(calendar.zone),
        "by": loaded.configuration.schedule.by if loaded.configuration.schedule else None,
        "serving": serving.pid if serving else None,
        "running": ", ".join(running) or None,
        "pause": _pause_document(pause),
        "maintenance": [each.when for each in loaded.configuration.maintenance],
        "jobs": [_job_document(*row) for row in rows],
        "by_hand": _list_manual(loaded),
    }
    facts = [
        (tr("stack"), loaded.configuration.stack.name),
        (tr("time zone"), str(calendar.zone)),
        (tr("serve"), tr("runs, process {pid}", pid=serving.pid) if serving else tr("does not run")),
        (tr("now"), tr("{what} runs", what=", ".join(running)) if running else "–"),
        (tr("pause"), _describe_pause(pause, calendar)),
        (tr("maintenance"), ", ".join(each.when for each in loaded.configuration.maintenance) or "–"),
        (tr("by hand"), ", ".join(_list_manual(loaded)) or "–"),
    ]
    heads = [tr("job"), tr("when"), tr("last run"), tr("status"), tr("next run")]
    table = format_table(heads, [_cells(calendar, *row) for row in rows])
    answer(invocation, document, f"{format_facts(facts)}\n\n{table}")


@verb(
    "next",
    help="List the runs to come, in their order, in the stack's time zone. A run whose time lies in a maintenance "
    "window is listed with its end. What waits for a change or a commit cannot be foreseen.",
    example="rebond schedule next --count 20 --class daily",
)
@option("--count", default=10, type=click.IntRange(1, 1000), metavar="N", help="So many; ten unless told.")
@option("--class", "class_", default="", metavar="NAME", help="Only of this class.")
@click.pass_obj
def next_(invocation: Invocation, count: int, class_: str) -> None:
    """Nothing but the configuration is read."""
    loaded = require_configuration(invocation)
    calendar = make_calendar(loaded.configuration)
    chosen = [each for each in calendar.jobs if not class_ or each.class_name == class_]
    if class_ and class_ not in loaded.configuration.classes:
        raise UnknownName(
            "There is no class '{name}'.",
            hint="There are: {known}.",
            name=class_,
            known=", ".join(loaded.configuration.classes) or "–",
        )
    wanted = Calendar(jobs=tuple(chosen), zone=calendar.zone, windows=calendar.windows)
    found = list(islice(foresee(wanted, SystemClock().now_ms()), count))
    if pause := read_pause(folder_of(invocation.state_folder, loaded), SystemClock().now_ms()):
        note(invocation, tr("Unattended runs are paused {pause}.", pause=_describe_pause(pause, calendar)))
    lines = [f"{format_moment(each.begins_ms, calendar.zone)}  {each.job_name}" for each in found]
    answer(invocation, [_foreseen_document(each) for each in found], "\n".join(lines) or tr("Nothing can be foreseen."))


def _list_manual(loaded: Loaded) -> list[str]:
    return [name for name, each in loaded.configuration.classes.items() if each.trigger == "manual"]


def _job_document(job: Job, record: JobRecord | None, coming: Foreseen | None) -> dict[str, object]:
    has_ended = record is not None and record.ended_ms > 0
    return {
        "job": job.name,
        "deed": job.deed.value,
        "class": job.class_name,
        "schedule": job.schedule or None,
        "trigger": job.trigger or None,
        "began": format_iso(record.began_ms) if record and record.began_ms else None,
        "ended": format_iso(record.ended_ms) if record and has_ended else None,
        "status": record.status if record and has_ended else None,
        "pending": bool(record and record.is_pending),
        "next": format_iso(coming.begins_ms) if coming else None,
    }


def _cells(calendar: Calendar, job: Job, record: JobRecord | None, coming: Foreseen | None) -> list[str]:
    last, status = "–", "–"
    if record is not None and record.began_ms:
        last = format_moment(record.began_ms, calendar.zone)
        status = _describe_end(record)
    next_run = format_moment(coming.begins_ms, calendar.zone) if coming else "–"
    return [job.name, job.schedule or _describe_trigger(job), last, status, next_run]


def _describe_end(record: JobRecord) -> str:
    """A run that was stopped on purpose has no end of its own, and the status is that of the one before."""
    if record.ended_ms:
        return str(record.status)
    return tr("no end seen") if record.is_pending else tr("stopped, still due")


def _describe_trigger(job: Job) -> str:
    return {
        "change": tr("at each change"),
        "commit": tr("at each commit"),
        "start": tr("at each start"),
        "each": tr("after each backup"),
    }.get(job.trigger, job.trigger)


def _foreseen_document(each: Foreseen) -> dict[str, object]:
    return {"job": each.job_name, "begins": format_iso(each.begins_ms), "firing": format_iso(each.firing_ms)}


def _pause_document(pause: Pause | None) -> dict[str, object] | None:
    if pause is None:
        return None
    return {
        "since": format_iso(pause.since_ms),
        "until": format_iso(pause.until_ms) if pause.until_ms is not None else None,
        "reason": pause.reason,
        "who": pause.who,
    }


def _describe_pause(pause: Pause | None, calendar: Calendar) -> str:
    if pause is None:
        return "–"
    if pause.until_ms is None:
        return tr("without an end: “{reason}” ({who})", reason=pause.reason, who=pause.who)
    moment = format_moment(pause.until_ms, calendar.zone)
    return tr("until {moment}: “{reason}” ({who})", moment=moment, reason=pause.reason, who=pause.who)
