"""What a checklist looks at: the doctor's findings, the vault, the ledger, the disks, the processors."""

import os
import re
from datetime import datetime
from pathlib import Path

from rebond.cli.checks.examining import Consultation
from rebond.cli.configuration.at_hand import list_places
from rebond.cli.invocation import Invocation
from rebond.cli.program import COMMANDS
from rebond.cli.runbook.facts import look_into_vault, read_history
from rebond.cli.status.gathering import find_status
from rebond.cli.vaults.opening import vault_at_hand
from rebond.clock import SystemClock
from rebond.config.model import Loaded
from rebond.errors import RebondError
from rebond.findings import Finding
from rebond.history.checking import check_ledger
from rebond.history.ledger import Ledger
from rebond.history.recording import HISTORY, RUNNING
from rebond.history.running import is_under_way, list_marks
from rebond.history.runs import Run, RunFilter, read_runs
from rebond.progress import Silence
from rebond.runbook.keeping import newest_kept_ms
from rebond.runbook.observing import Disk, Sight
from rebond.schedule.foreseeing import find_next
from rebond.schedule.holding import RUN_LOCK, find_holder
from rebond.schedule.jobs import Calendar, Deed, make_calendar
from rebond.schedule.maintenance import leave_windows
from rebond.schedule.pausing import read_pause
from rebond.schedule.records import Records
from rebond.schedule.stack_folders import folder_of
from rebond.stack.recording import record_path

_LOG_BYTES = 200_000  # of its end that are read
_DAY_MS = 86_400_000
_ERROR = re.compile(rb"^\S+ rebond\[\d+\] \S+ ERROR ")


def take_sight(invocation: Invocation, loaded: Loaded, *, examines: bool, judges: bool = False) -> Sight:
    """Look at everything. With ``examines`` the doctor is asked, who asks programs and services.

    With ``judges`` it is asked which objectives are missed now, as ``rebond status`` says it.
    """
    stack, now_ms = loaded.configuration.stack.name, SystemClock().now_ms()
    folder, calendar = folder_of(invocation.state_folder, loaded), make_calendar(loaded.configuration)
    history = read_history(invocation, stack)
    window_ends_ms = leave_windows(calendar.windows, now_ms, calendar.zone)
    pause, holder = read_pause(folder, now_ms), find_holder(folder / RUN_LOCK)
    backup = history.newest_good("backup")
    vault_disks = _measure_vaults(loaded)
    commands = {each.name for each in COMMANDS}
    replicas = loaded.configuration.replica if "replicate" in commands else ()
    described = [each for each in (loaded.configuration.vault, *replicas) if each is not None]
    return Sight(
        configuration=loaded.configuration,
        history=history,
        vault=look_into_vault(invocation, stack),
        now_ms=now_ms,
        zone=calendar.zone,
        advice=_consult(invocation) if examines else {},
        was_examined=examines,
        missed=_find_missed(invocation, loaded) if judges else None,
        running=_list_running(invocation.state_folder / HISTORY),
        holder=holder.what if holder else "",
        pause=pause.reason if pause else "",
        window_ends_ms=window_ends_ms if window_ends_ms != now_ms else None,
        recorded_ms=_modified_ms(record_path(invocation.state_folder, stack)),
        due_ms=_find_due(calendar, backup.began_ms) if backup else None,
        unattended_ms=_find_unattended(calendar, folder),
        disks=[each for path in (loaded.root, invocation.state_folder) if (each := _measure(Path(path)))] + vault_disks,
        vault_folders=vault_disks,
        load=os.getloadavg()[0],
        processors=os.cpu_count() or 1,
        memory_share=_read_memory(),
        log_errors=_count_errors(loaded, now_ms - _DAY_MS),
        ledger_faults=_check(Ledger(invocation.state_folder / HISTORY)),
        runbook_ms=newest_kept_ms(folder),
        media=len({each.medium for each in described if isinstance(each.medium, str)}),
        sites=len({each.site for each in described if isinstance(each.site, str)}),
        copies=(loaded.configuration.vault is not None) + len(replicas),
        sends_notices="notify" in commands,
    )


def _consult(invocation: Invocation) -> dict[str, list[str]]:
    """Return what the doctor would mend, by the name of its check."""
    consultation = Consultation(invocation)
    found: dict[str, list[str]] = {}
    for each in consultation.examine().to_mend:
        found.setdefault(each.check, []).append(consultation.say(each))
    return found


def _find_missed(invocation: Invocation, loaded: Loaded) -> list[str] | None:
    """Return whose objectives are missed; ``None`` where the vault does not say it."""

    def ignore(_finding: Finding) -> None:
        """What is odd about the vault is told by doctor and verify."""

    try:
        with vault_at_hand(invocation, ignore, only_reads=True) as vault:
            status = find_status(invocation, vault.live, loaded, Silence(), tries_canary=False)
    except RebondError:
        return None
    return list(dict.fromkeys(each.subject for each in status.missed))


def _find_due(calendar: Calendar, began_ms: int) -> int | None:
    """Return when the first run after one that began then was due; ``None`` where no class has hours."""
    coming = [find_next(calendar, job, began_ms) for job in calendar.jobs if job.deed is Deed.BACKUP]
    return min((each.begins_ms for each in coming if each is not None), default=None)


def _find_unattended(calendar: Calendar, folder: Path) -> int | None:
    records = Records(folder)
    began = [found.began_ms for job in calendar.jobs if (found := records.read(job.name)) and found.began_ms]
    return max(began, default=None)


def _list_running(history: Path) -> list[str]:
    alive = {name for name in list_marks(history / RUNNING) if is_under_way(history / RUNNING, name)}
    runs: list[Run] = read_runs(Ledger(history), RunFilter(newest=200)) if alive else []
    return [each.kind for each in runs if each.run in alive]


def _measure_vaults(loaded: Loaded) -> list[Disk]:
    """Return the vaults that are directories here."""
    try:
        places = list_places(loaded)
    except RebondError:
        return []
    return [each for place in places if "://" not in place.address and (each := _measure(Path(place.address)))]


def _measure(path: Path) -> Disk | None:
    try:
        room, status = os.statvfs(path), path.stat()
    except OSError:
        return None
    return Disk(
        path=os.path.normpath(path),
        free_bytes=room.f_bavail * room.f_frsize,
        total_bytes=room.f_blocks * room.f_frsize,
        mode=status.st_mode,
    )


def _read_memory() -> float | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        amounts = {line.split(":")[0]: int(line.split()[1]) for line in lines if len(line.split()) > 1}
        return amounts["MemAvailable"] / amounts["MemTotal"]
    except (OSError, KeyError, ValueError, ZeroDivisionError):
        return None


def _count_errors(loaded: Loaded, since_ms: int) -> int | None:
    """Return how many errors stand in the end of the log since then; ``None`` where there is no log."""
    log = loaded.configuration.log
    if log is None or not log.file:
        return None
    try:
        with (Path(loaded.root) / log.file).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_BYTES))
            lines = [line for line in file if _ERROR.search(line)]
    except OSError:
        return None
    return sum(_moment_of(line) >= since_ms for line in lines)


def _moment_of(line: bytes) -> float:
    """Return when a line of the log was written, in milliseconds since 1970; 0 for what is cut."""
    try:
        return datetime.fromisoformat(line.split(b" ", 1)[0].decode()).timestamp() * 1000
    except ValueError:
        return 0


def _modified_ms(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns // 1_000_000
    except OSError:
        return None


def _check(ledger: Ledger) -> int | None:
    try:
        return len(check_ledger(ledger)[1])
    except OSError:
        return None
