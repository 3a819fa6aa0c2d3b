"""Whether anything starts the runs that the configuration promises: a timer, cron, or ``rebond serve``."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from rebond.errors import RebondError
from rebond.schedule.cron_lines import CRON_D, cron_file_name, take_out_of_table
from rebond.schedule.handing_over import HandedOver, describe_handing_over, name_of_this_user
from rebond.schedule.holding import find_holder
from rebond.schedule.jobs import Job
from rebond.schedule.outside_programs import reaching_own_manager
from rebond.schedule.repositories import find_repositories, list_commit_classes, plan_hooks
from rebond.schedule.stack_folders import SERVE_LOCK, folder_of
from rebond.schedule.systemd_units import unit_name, unit_prefix
from rebond.schedule.targets import LINGER, SYSTEM_UNITS, find_units
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.stack.asking import Asked, ask_program

CHECK = "schedule"
PATIENCE_SECONDS = 8.0
SYSTEMD_RUNS = "/run/systemd/system"
_HANDED = ("systemd", "serve", "cron", "cron.d")  # what can be seen from here


def check_starting(scene: Scene) -> Iterator[Observation]:
    """Yield that nothing starts the runs, or not all of them, or only while somebody is logged in."""
    scheduling = scene.configuration.schedule
    folders = (scene.state_folder, scene.cache_folder)
    handed = describe_handing_over(
        scene.loaded, folder_of(scene.state_folder, scene.loaded), folders, scene.environment
    )
    jobs = [each for each in handed.calendar.jobs if each.trigger != "commit"]
    if not handed.calendar.jobs or (scheduling and scheduling.by in {"kubernetes", "other"}):
        return
    serves = find_holder(handed.folder / SERVE_LOCK) is not None
    if jobs and not serves:
        found = {each: _find_missing(each, jobs, handed, scene) for each in _HANDED}
        if not any(missing == [] for missing in found.values()):
            yield _describe_gap(scene, found, jobs)
        elif found["systemd"] == [] or found["serve"] == []:
            yield from _check_enabled(scene, handed)
    if not serves:
        yield from _check_hooks(scene, handed)
        yield from _check_linger(scene, handed)


def _find_missing(target: str, jobs: list[Job], handed: HandedOver, scene: Scene) -> list[str] | None:
    """Return which jobs a target would not start; ``None`` where nothing was handed to it."""
    if target == "cron":
        whose = ("-u", handed.user) if handed.user and handed.user != name_of_this_user() else ()
        asked = _ask(scene.environment, "crontab", *whose, "-l")
        without, origin = take_out_of_table(asked.output, handed.stack) if asked.is_good else ("", None)
        return None if origin is None else _not_named(jobs, asked.output.replace(without, "", 1))
    if target == "cron.d":
        try:
            return _not_named(jobs, Path(CRON_D, cron_file_name(handed.stack)).read_text(errors="replace"))
        except OSError:
            return None
    folders = unit_folders(scene.environment) if os.path.isdir(SYSTEMD_RUNS) else []  # else they start nothing
    if target == "serve":
        name = f"{unit_prefix(handed.stack)}.service"
        return [] if any((each / name).is_file() for each in folders) else None
    missing = [each.name for each in jobs if not any(_has_units(folder, handed, each) for folder in folders)]
    return missing if len(missing) < len(jobs) else None


def unit_folders(environment: Mapping[str, str]) -> list[Path]:
    """Return where units of systemd lie that were handed over: those of the machine, and this user's."""
    home = environment.get("XDG_CONFIG_HOME") or os.path.join(environment.get("HOME", "/"), ".config")
    return [Path(SYSTEM_UNITS), Path(home, "systemd", "user")]


def _has_units(folder: Path, handed: HandedOver, job: Job) -> bool:
    name = unit_name(handed.stack, job)
    started_by = (".service",) if job.trigger == "start" else (".timer", ".path")
    return any((folder / f"{name}{kind}").is_file() for kind in started_by)


def _not_named(jobs: list[Job], text: str) -> list[str]:
    """Return the jobs whose arguments are on no line."""
    return [each.name for each in jobs if " ".join(each.arguments) not in text]


def _describe_gap(scene: Scene, found: Mapping[str, list[str] | None], jobs: list[Job]) -> Observation:
    handed_to = next((target for target, missing in found.items() if missing), "")
    names = (found[handed_to] or []) if handed_to else [each.name for each in jobs]
    return Observation(
        check=CHECK,
        code="not-started" if not handed_to else "partly-started",
        weight=Weight.WARNING,
        template="Nothing starts {jobs} by itself: the runs are in the configuration, and nobody was told of them.",
        values={"jobs": ", ".join(names)},
        command=_install(scene, handed_to or _choose(scene)),
    )


def _choose(scene: Scene) -> str:
    """Return who could start runs here: as the configuration says where that is here; empty for nobody."""
    scheduling = scene.configuration.schedule
    wished, has_systemd = scheduling.by if scheduling else "systemd", os.path.isdir(SYSTEMD_RUNS)
    has_cron = shutil.which("crontab", path=scene.environment.get("PATH")) is not None
    if wished in {"systemd", "serve"} and has_systemd:
        return wished
    if wished == "serve":
        return ""
    return wished if wished == "cron.d" else ("cron" if has_cron else "")


def _install(scene: Scene, target: str) -> str:
    configuration = ("--config", str(scene.path))
    if not target:
        return f"{scene.command('rebond', *configuration, 'serve')} > /dev/null 2>&1 &"
    words = ("rebond", *configuration, "schedule", "install", "--to", target)
    return scene.root_command(*words) if target == "cron.d" else scene.command(*words)


def _check_enabled(scene: Scene, handed: HandedOver) -> Iterator[Observation]:
    """Units that were written and that systemd was never told to start."""
    for folder, whose in zip(unit_folders(scene.environment), ((), ("--user",)), strict=True):
        names = [each.name for each in find_units(folder, handed.stack) if _is_started(each)]
        if not names:
            continue
        asked = _ask(reaching_own_manager(scene.environment), "systemctl", *whose, "is-enabled", *names)
        if asked.is_good or not asked.output.strip():  # who is not reached says nothing of any unit
            continue
        enable = ("systemctl", *whose, "enable", "--now", *names)
        yield Observation(
            check=CHECK,
            code="not-enabled",
            weight=Weight.WARNING,
            template="The units in {folder} are not enabled: systemd starts nothing.",
            values={"folder": str(folder)},
            command=scene.command(*enable) if whose else scene.root_command(*enable),
        )


def _is_started(unit: Path) -> bool:
    """Say whether a unit is enabled by itself; a service behind a timer only asks whether it is due."""
    if unit.suffix != ".service":
        return True
    return not unit.with_suffix(".timer").exists() and "[Install]" in unit.read_text("utf-8", errors="replace")


def _check_hooks(scene: Scene, handed: HandedOver) -> Iterator[Observation]:
    """Without ``rebond serve``, which looks at branches, only the hook tells of a commit."""
    classes = list_commit_classes(scene.loaded)
    if not classes:
        return
    try:
        is_installed = not plan_hooks(find_repositories(scene.loaded, scene.environment), handed).changes_files
    except RebondError:
        return  # no repository, or a hook that somebody changed: installing says so
    if not is_installed:
        yield Observation(
            check=CHECK,
            code="hook-missing",
            weight=Weight.WARNING,
            template="Commits call for {classes}, and the hook of Git is not set.",
            values={"classes": ", ".join(classes)},
            command=scene.command("rebond", "--config", str(scene.path), "schedule", "install", "--git-hook"),
        )


def _check_linger(scene: Scene, handed: HandedOver) -> Iterator[Observation]:
    """A user's own units run while the user is logged in, unless they linger."""
    own = unit_folders(scene.environment)[1]
    names = [each.name for each in own.glob(f"{unit_prefix(handed.stack)}*")] if own.is_dir() else []
    if scene.is_root or not names or Path(LINGER, scene.user).exists() or not os.path.isdir(SYSTEMD_RUNS):
        return
    yield Observation(
        check=CHECK,
        code="no-linger",
        weight=Weight.WARNING,
        template="The timers are {user}'s own, and run only while {user} is logged in.",
        values={"user": scene.user},
        command=scene.command("loginctl", "enable-linger", scene.user),
    )


def _ask(environment: Mapping[str, str], *words: str) -> Asked:
    return ask_program(words, environment=environment, timeout_seconds=PATIENCE_SECONDS)
