"""Units of systemd: a service and a timer for each job, or one service for ``rebond serve``."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rebond.schedule.handing_over import HandedOver, name_of_this_user
from rebond.schedule.jobs import Deed, Job
from rebond.schedule.observing import list_databases_beside
from rebond.schedule.systemd_calendar import write_calendar
from rebond.schedule.watched_paths import WatchedPath
from rebond.schedule.written_files import sign_text

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
# What a run needs stays possible: reading everything, sockets, commands in containers, becoming another user.
HARDENING = """\
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
UMask=0077
"""
# A user's own manager may not make the file systems of a unit read-only: such lines would keep it from starting.
USERS_HARDENING = """\
NoNewPrivileges=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
UMask=0077
"""
INTERRUPTED = 130  # how a run ends that was told to stop
EACH_MINUTES = "*-*-* *:47:00"  # when a check asks whether there was a backup to be read back
CHANGES = "*-*-* *:00/5:00"  # a path unit sees no change while its run goes on, and nothing of a cluster


@dataclass(frozen=True, slots=True)
class Watched:
    """Paths and patterns that a class waits for a change of; ``databases`` are written to and stay open."""

    patterns: Sequence[WatchedPath] = ()
    databases: Sequence[WatchedPath] = ()


def write_units(handed: HandedOver, watched: Mapping[str, Watched], now_ms: int) -> dict[str, str]:
    """Return the units of all jobs by their names; ``watched`` is what classes wait for a change of."""
    units: dict[str, str] = {}
    for job in handed.calendar.jobs:
        if job.trigger == "commit":
            continue  # the hook of Git starts it
        name = unit_name(handed.stack, job)
        while f"{name}.service" in units:  # a class may be called as the check of another
            name += "-2"
        units[f"{name}.service"] = _write_service(handed, job)
        moments = _list_moments(handed, job, now_ms)
        if moments:
            units[f"{name}.timer"] = _write_timer(handed, job, moments)
        found = watched.get(job.class_name, Watched())
        if job.trigger == "change" and found.patterns:
            units[f"{name}.path"] = _write_path(handed, job, found)
    return {name: sign_text(text) for name, text in units.items()}


def write_serve_unit(handed: HandedOver) -> dict[str, str]:
    """Return the unit of ``rebond serve``, which does everything by itself."""
    text = (
        f"[Unit]\nDescription=Rebond: runs the backups of {_plain(handed.stack)}\n{_write_order(handed)}\n"
        "[Service]\nType=notify\n"
        f"ExecStart={_write_command(handed.serve_command)}\n"
        "ExecReload=/bin/kill -HUP $MAINPID\nRestart=on-failure\nRestartSec=5\nKillMode=mixed\nTimeoutStopSec=60\n"
        f"{_write_surroundings(handed)}\n[Install]\nWantedBy={_target(handed)}\n"
    )
    return {f"{unit_prefix(handed.stack)}.service": sign_text(text)}


def unit_prefix(stack: str) -> str:
    """Return how the units of a stack begin."""
    return f"rebond-{_escape(stack)}"


def unit_name(stack: str, job: Job) -> str:
    """Return the name of a job's units, without their kind."""
    return f"{unit_prefix(stack)}-{_escape(job.name.replace(':', '-'))}"


def _list_moments(handed: HandedOver, job: Job, now_ms: int) -> list[str]:
    if job.schedule:
        return write_calendar(job.schedule, handed.calendar.zone, now_ms)
    if job.trigger == "each":
        return [EACH_MINUTES]
    return [CHANGES] if job.trigger == "change" else []


def _write_service(handed: HandedOver, job: Job) -> str:
    """A run that was stopped on purpose has not failed: it stays due.

    What has an hour of its own is asked for at each start of the machine, too: a timer that has fired knows nothing of
    the run that was cut off then. It comes behind the target that wants it, or the machine would be up only after it.
    """
    is_asked = bool(job.schedule) or job.trigger == "start"
    text = (
        f"[Unit]\nDescription=Rebond: {_describe_deed(job)} of {_plain(handed.stack)}, {_plain(job.class_name)}\n"
        f"{_write_order(handed, _target(handed) if is_asked else '')}\n"
        "[Service]\nType=oneshot\n"
        f"ExecStart={_write_command(handed.command_of(job))}\n"
        f"SuccessExitStatus={INTERRUPTED}\n"
        "TimeoutStartSec=infinity\nKillMode=mixed\nTimeoutStopSec=60\n"
        f"{_write_surroundings(handed)}"
    )
    return f"{text}\n[Install]\nWantedBy={_target(handed)}\n" if is_asked else text


def _describe_deed(job: Job) -> str:
    words = {Deed.BACKUP: "backup", Deed.VERIFY: "check", Deed.FORGET: "cleaning", Deed.DRILL: "drill"}
    return words.get(job.deed, job.deed.value)


def _write_timer(handed: HandedOver, job: Job, moments: Iterable[str]) -> str:
    lines = "".join(f"OnCalendar={each}\n" for each in moments)
    return (
        f"[Unit]\nDescription=Rebond: when {_plain(job.name)} of {_plain(handed.stack)} runs\n\n"
        f"[Timer]\n{lines}Persistent=true\nAccuracySec=1s\n\n[Install]\nWantedBy=timers.target\n"
    )


def _write_path(handed: HandedOver, job: Job, watched: Watched) -> str:
    """A pattern is watched at the folder in which its first star stands; the run itself knows what fits.

    A commit may lie in a database's log alone, and neither file is closed after it: what is written there counts.
    """
    closed = dict.fromkeys(each.fixed for each in watched.patterns)
    written = dict.fromkeys(path for each in watched.databases for path in _list_written(each))
    lines = "".join(f"PathChanged={_plain(each)}\n" for each in closed if each not in written)
    lines += "".join(f"PathModified={_plain(each)}\n" for each in written)
    return (
        f"[Unit]\nDescription=Rebond: watches what {_plain(job.name)} of {_plain(handed.stack)} saves\n\n"
        f"[Path]\n{lines}TriggerLimitIntervalSec=0\n\n[Install]\nWantedBy={_target(handed)}\n"
    )


def _list_written(database: WatchedPath) -> tuple[str, ...]:
    """Return what is written to by a commit: the folder where a pattern says which databases."""
    return (database.fixed,) if database.is_pattern else list_databases_beside(database.fixed)


def _write_order(handed: HandedOver, target: str = "") -> str:
    behind = (target,) if target else ()
    if not _is_for_machine(handed):  # the units of the machine are unknown to a user's own manager
        return f"After={target}\n" if target else ""
    lines = ["Wants=network-online.target", f"After={' '.join(('network-online.target', *handed.after, *behind))}"]
    if handed.mounts:
        lines.append(f"RequiresMountsFor={' '.join(_quote(each) for each in handed.mounts)}")
    return "".join(f"{line}\n" for line in lines)


def _write_surroundings(handed: HandedOver) -> str:
    lines = [f"User={handed.user}"] if handed.user and _is_for_machine(handed) else []
    lines.append(f"WorkingDirectory={_plain(handed.root)}")
    lines += [f"Environment={_quote(f'{name}={value}')}" for name, value in sorted(handed.variables.items())]
    if _is_for_machine(handed):
        writable = (handed.state_folder, handed.cache_folder, *handed.writable)
        lines.append("ReadWritePaths=" + " ".join(_quote(f"-{each}") for each in writable))
    if handed.nice:
        lines += [f"Nice={handed.nice}", "IOSchedulingClass=best-effort", "IOSchedulingPriority=7"]
    return "".join(f"{line}\n" for line in lines) + (HARDENING if _is_for_machine(handed) else USERS_HARDENING)


def _is_for_machine(handed: HandedOver) -> bool:
    """Say whether the units are the machine's: root writes them, or they name another user, as only root's may."""
    return os.geteuid() == 0 or bool(handed.user and handed.user != name_of_this_user())


def _target(handed: HandedOver) -> str:
    return "multi-user.target" if _is_for_machine(handed) else "default.target"


def _write_command(command: Sequence[str]) -> str:
    return " ".join(_quote(each.replace("$", "$$")) for each in command)


def _quote(text: str) -> str:
    text = text.replace("%", "%%")
    if all(each in _PLAIN or each in "/=@+,%$:" for each in text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain(text: str) -> str:
    return text.replace("%", "%%")


def _escape(text: str) -> str:
    r"""Return a name as systemd wants it: other bytes as ``\xNN``."""
    return "".join(each if each in _PLAIN else "".join(f"\\x{byte:02x}" for byte in each.encode()) for each in text)
