"""Lines for cron, in a user's table or in a file of /etc/cron.d.

Cron counts in the machine's time zone. Where the stack's is another, the lines fire every hour and the run itself knows
whether it is due; so it is on days on which the clock is changed, too: a run asks whether its moment was taken.

Cron knows nothing of a moment that passed while the machine was off, so what has an hour of its own is asked for at
each start of the machine, too.
"""

import os
import re
import shlex
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo

from cronsim import CronSim

from rebond.errors import UsageError
from rebond.schedule.handing_over import HandedOver, name_of_this_user
from rebond.schedule.jobs import Job
from rebond.schedule.written_files import Origin, judge_text, sign_text
from rebond.units import local_zone

CRON_D = "/etc/cron.d"
CHANGES = "*/5 * * * *"  # cron hears of no change: it asks so often
EACH = "47 * * * *"
AT_START = "@reboot"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"


def write_cron_file(handed: HandedOver, now_ms: int) -> str:
    """Return a file for /etc/cron.d, whose lines name the user. Raises ``UsageError`` for what cron cannot say."""
    user = handed.user or name_of_this_user() or "root"
    lines = [f"{when} {user} {command}" for when, command in list_lines(handed, now_ms)]
    return sign_text("\n".join([*_write_head(handed), f"SHELL=/bin/sh\nPATH={PATH}", *lines]) + "\n")


def cron_file_name(stack: str) -> str:
    """Return the name of the file: cron takes no others than such."""
    return f"rebond-{re.sub('[^A-Za-z0-9_-]', '_', stack)}"


def write_table(handed: HandedOver, now_ms: int) -> str:
    """Return the lines for a user's own table, between marks by which they are found again."""
    lines = (f"{when} {command}" for when, command in list_lines(handed, now_ms, has_path=False))
    text = sign_text("\n".join([*_write_head(handed), *lines]) + "\n")
    return f"{_begin(handed.stack)}\n{text}{_end(handed.stack)}\n"


def take_out_of_table(table: str, stack: str) -> tuple[str, Origin | None]:
    """Return a table without the lines of a stack, and whose they were; ``None`` when there were none."""
    found = re.search(
        f"^{re.escape(_begin(stack))}\n(.*?)^{re.escape(_end(stack))}\n?", table, re.MULTILINE | re.DOTALL
    )
    if found is None:
        return table, None
    return table[: found.start()] + table[found.end() :], judge_text(found[1])


def list_lines(handed: HandedOver, now_ms: int, *, has_path: bool = True) -> list[tuple[str, str]]:
    """Return each line as when and what. Without a line for the PATH, each says where programs are.

    In a user's own table such a line would count for the lines of others too, and cron itself knows two folders.
    """
    lines = []
    for job in handed.calendar.jobs:
        for when in _list_moments(job, handed.calendar.zone, now_ms):
            lines.append((when, _write_command(handed, job, has_path=has_path)))
    return lines


def _list_moments(job: Job, zone: tzinfo, now_ms: int) -> Iterable[str]:
    match job.trigger:
        case "":
            return [write_schedule(job.schedule, zone, local_zone(), now_ms), AT_START]
        case "change":
            return [CHANGES]
        case "start":
            return [AT_START]
        case "each":
            return [EACH]
    return []  # the hook of Git starts it


def write_schedule(schedule: str, zone: tzinfo, machine_zone: tzinfo, now_ms: int) -> str:
    """Return a schedule of one zone as cron fires it in another: as it is, or every hour at its minutes.

    Raises ``UsageError`` for the words that only some crons know.
    """
    if re.search(r"[L#]", schedule.split()[4] + schedule.split()[2]):
        raise UsageError(
            "cron has no words for the schedule '{cron}'.",
            hint="Use systemd, 'rebond serve' or another schedule.",
            cron=schedule,
        )
    start = datetime.fromtimestamp(now_ms // 1000, UTC)
    moments = [start + timedelta(days=7 * week) for week in range(104)]
    shifts = {_offset(each, machine_zone) - _offset(each, zone) for each in moments}
    if shifts == {timedelta()}:
        return schedule
    minutes = CronSim(schedule, datetime(2026, 1, 1)).minutes  # noqa: DTZ001 - only its fields are read
    shifted = {(each + int(shift.total_seconds()) // 60) % 60 for each in minutes for shift in shifts}
    return f"{','.join(map(str, sorted(shifted))) if len(shifted) < 60 else '*'} * * * *"


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _write_command(handed: HandedOver, job: Job, *, has_path: bool) -> str:
    """Say nothing unless it failed: cron mails what is said. A percent sign is the end of a line to cron."""
    setting = [f"{name}={shlex.quote(value)}" for name, value in sorted(handed.variables.items())]
    setting += [] if has_path else [f'PATH="$PATH:{PATH}"']
    command = " ".join([*setting, shlex.join(handed.command_of(job))])
    return f'out=$({command} 2>&1) || echo "$out"'.replace("%", "\\%")


def _write_head(handed: HandedOver) -> list[str]:
    return [f"# Written by 'rebond schedule install' for {handed.stack} from {os.path.basename(handed.configuration)}."]


def _begin(stack: str) -> str:
    return f"# >>> rebond: {stack}"


def _end(stack: str) -> str:
    return f"# <<< rebond: {stack}"
