"""What each target needs: the files, where they go, and what is run afterwards."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rebond.config.model import Loaded
from rebond.errors import Refused, UsageError
from rebond.presence import is_folder
from rebond.schedule.cron_lines import CRON_D, cron_file_name, take_out_of_table, write_cron_file, write_table
from rebond.schedule.handing_over import HandedOver
from rebond.schedule.installing import Installation, plan_files, plan_removal
from rebond.schedule.observing import list_watched_databases, list_watched_paths
from rebond.schedule.systemd_units import Watched, unit_prefix, write_serve_unit, write_units
from rebond.schedule.written_files import Origin

TARGETS = ("systemd", "cron", "cron.d", "kubernetes", "serve")
SYSTEM_UNITS = "/etc/systemd/system"
LINGER = "/var/lib/systemd/linger"  # a file for each user whose units outlive their sessions
_STARTED = (".timer", ".path")
_KINDS = (".service", ".timer", ".path")


def refuse_target(target: str) -> None:
    """Raise ``UsageError`` for what is not written yet."""
    if target == "kubernetes":
        raise UsageError(
            "CronJobs of Kubernetes are not written yet.",
            hint="Run 'rebond serve' in a Deployment with one replica, or use systemd or cron.",
        )
    if target == "other":
        raise UsageError(
            "The configuration says that something else starts the runs.",
            hint="Name who is to start them with --to, such as --to systemd, or under [schedule].",
        )


def write_files(target: str, loaded: Loaded, handed: HandedOver, now_ms: int) -> dict[str, str]:
    """Return the files of a target by their names."""
    refuse_target(target)
    match target:
        case "cron":
            return {"crontab": write_table(handed, now_ms)}
        case "cron.d":
            return {cron_file_name(handed.stack): write_cron_file(handed, now_ms)}
        case "serve":
            return write_serve_unit(handed)
    changing = {name for name, each in loaded.configuration.classes.items() if each.trigger == "change"}
    return write_units(
        handed,
        {name: Watched(list_watched_paths(loaded, name), list_watched_databases(loaded, name)) for name in changing},
        now_ms,
    )


def folder_of_target(target: str, environment: Mapping[str, str]) -> Path:
    """Return where the files of a target go: for the machine as root, else for this user."""
    if target == "cron.d":
        return Path(CRON_D)
    if os.geteuid() == 0:
        return Path(SYSTEM_UNITS)
    home = environment.get("XDG_CONFIG_HOME") or os.path.join(environment.get("HOME", "/"), ".config")
    return Path(home) / "systemd" / "user"


def plan_target(files: Mapping[str, str], folder: Path, handed: HandedOver, target: str) -> Installation:
    """Plan the files of a target, and away with those of classes that are gone. Raises ``Refused``."""
    stale = [] if target == "cron.d" else find_units(folder, handed.stack)
    return plan_files({folder / name: text for name, text in files.items()}, stale=stale)


def plan_target_away(folder: Path, handed: HandedOver, target: str) -> Installation:
    """Plan to remove all files of a target."""
    if target == "cron.d":
        return plan_removal([folder / cron_file_name(handed.stack)])
    return plan_removal(find_units(folder, handed.stack))


def find_units(folder: Path, stack: str) -> list[Path]:
    """Return what looks like units of a stack; whether they are ours is looked at one by one."""
    prefix = unit_prefix(stack)
    if not is_folder(folder):
        return []
    names = (each for each in sorted(folder.iterdir()) if each.suffix in _KINDS and each.is_file())
    return [each for each in names if each.stem == prefix or each.stem.startswith(f"{prefix}-")]


def with_commands(plan: Installation, files: Mapping[str, str], *, systemd_runs: bool) -> Installation:
    """Add what tells systemd of its files."""
    systemctl = ("systemctl",) if os.geteuid() == 0 else ("systemctl", "--user")
    gone = [path for path in plan.gone if path.suffix in _STARTED or _is_wanted(path.read_text("utf-8"))]
    # What is running is let run to its end; ``rebond serve`` is not, which would start the next one.
    runs = [path.name for path in gone if path.suffix not in _STARTED and "Type=oneshot" in path.read_text("utf-8")]
    stopped = [path.name for path in gone if path.name not in runs]
    first = [(*systemctl, "disable", *now, *names) for now, names in ((("--now",), stopped), ((), runs)) if names]
    enabled = [name for name, text in files.items() if name.endswith(_STARTED) or _is_served(text)]
    later = [name for name, text in files.items() if name.endswith(".service") and _is_wanted(text)]
    commands: list[tuple[str, ...]] = [(*systemctl, "daemon-reload")] if files or plan.gone else []
    if enabled:
        commands.append((*systemctl, "enable", "--now", *enabled))
    if asked := [name for name in later if name not in enabled]:
        commands.append((*systemctl, "enable", *asked))
    if systemd_runs:
        return replace(plan, first=tuple(first), commands=tuple(commands))
    notes = tuple(" ".join(each) for each in (*first, *commands))
    return replace(plan, notes=notes)


def _is_wanted(text: str) -> bool:
    """Say whether a unit is started with the machine, or with its user's manager."""
    return "[Install]" in text


def _is_served(text: str) -> bool:
    """Say whether a unit is that of ``rebond serve``, which begins at once."""
    return "Type=notify" in text


def change_table(table: str, block: str, stack: str) -> str:
    """Return a user's table of cron with the lines of a stack replaced by others. Raises ``Refused``."""
    bare, origin = take_out_of_table(table, stack)
    if origin is Origin.CHANGED:
        raise Refused(
            "The lines of {stack} in the table of cron were changed by hand, so they stay as they are.",
            hint="Move them out from between the marks with 'crontab -e', then run the same command again.",
            stack=stack,
        )
    if block and block in table:
        return table
    if bare and not bare.endswith("\n"):
        bare += "\n"
    return bare + block
