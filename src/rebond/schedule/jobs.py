"""What a configuration has done unattended: a backup of each class, and reading back what it stored."""

import enum
from dataclasses import dataclass
from datetime import tzinfo
from zoneinfo import ZoneInfo

from rebond.config.classes import BackupClass, DrillRhythm
from rebond.config.model import Configuration
from rebond.schedule.beside import is_beside
from rebond.schedule.keeping import list_places_to_clean
from rebond.schedule.maintenance import Window, read_window
from rebond.units import local_zone

RHYTHMS = {  # what the words of `verify` mean; half past five is after the usual hours of backups
    "hourly": "47 * * * *",
    "daily": "30 5 * * *",
    "weekly": "30 5 * * sat",
    "monthly": "30 5 1 * *",
    "yearly": "30 5 1 1 *",
}
DRILL_RHYTHMS = {  # what they mean for `drill`: an hour later, on a day of their own
    "hourly": "17 * * * *",
    "daily": "30 6 * * *",
    "weekly": "30 6 * * sun",
    "monthly": "30 6 2 * *",
    "yearly": "30 6 2 1 *",
}
EACH = "each"
MANUAL = "manual"


class Deed(enum.StrEnum):
    """What a job does."""

    BACKUP = "backup"
    VERIFY = "verify"
    FORGET = "forget"
    DRILL = "drill"


SECRETS_LANE = "secrets"
LANES = (*(deed.value for deed in Deed), SECRETS_LANE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One thing to be done again and again: by ``schedule``, or else by ``trigger``.

    ``class_name`` is that of a vault where it forgets. ``is_beside`` says that it saves secrets alone, and waits for no
    other backup of its stack. ``options`` are what its command is given besides.
    """

    deed: Deed
    class_name: str
    schedule: str = ""
    trigger: str = ""
    is_beside: bool = False
    options: tuple[str, ...] = ()

    @property
    def lane(self) -> str:
        """The queue that it stands in: of each, one job runs at a time."""
        return SECRETS_LANE if self.is_beside else self.deed.value

    @property
    def name(self) -> str:
        """A name of its own: that of the class, or ``verify:CLASS``, ``drill:CLASS``, ``forget:VAULT``."""
        return self.class_name if self.deed is Deed.BACKUP else f"{self.deed}:{self.class_name}"

    @property
    def arguments(self) -> tuple[str, ...]:
        """What ``rebond`` is called with."""
        if self.deed is Deed.FORGET:
            return (self.deed.value, "--place", self.class_name, "--prune", "--scheduled")
        read_data = ("--read-data",) if self.deed is Deed.VERIFY else ()
        return (self.deed.value, "--class", self.class_name, *read_data, *self.options, "--scheduled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """All jobs of a configuration, the zone of their hours, and when none begins."""

    jobs: tuple[Job, ...]
    zone: tzinfo
    windows: tuple[Window, ...] = ()

    def find(self, name: str) -> Job | None:
        """Return the job of that name."""
        return next((each for each in self.jobs if each.name == name), None)


def make_calendar(configuration: Configuration) -> Calendar:
    """Return what a configuration has done unattended. What is only done by hand is not in it."""
    jobs: list[Job] = []
    for name, class_ in configuration.classes.items():
        members = configuration.component if class_.takes_all else class_.components
        jobs += list_jobs_of(name, class_, is_beside=is_beside(configuration, members, name))
    if jobs:
        jobs += [
            Job(deed=Deed.FORGET, class_name=place, schedule=schedule)
            for place, schedule in list_places_to_clean(configuration)
        ]
    return Calendar(
        jobs=tuple(jobs),
        zone=zone_of(configuration),
        windows=tuple(read_window(each.when) for each in configuration.maintenance),
    )


def list_jobs_of(name: str, class_: BackupClass, *, is_beside: bool = False) -> list[Job]:
    """Return the jobs of one class."""
    jobs = []
    if class_.schedule or class_.trigger not in {None, MANUAL}:
        jobs.append(
            Job(
                deed=Deed.BACKUP,
                class_name=name,
                schedule=class_.schedule or "",
                trigger=class_.trigger or "",
                is_beside=is_beside,
            )
        )
    if class_.verify:
        is_each = class_.verify == EACH
        jobs.append(
            Job(
                deed=Deed.VERIFY,
                class_name=name,
                schedule="" if is_each else RHYTHMS.get(class_.verify, class_.verify),
                trigger=EACH if is_each else "",
            )
        )
    if class_.drill is not None and not (class_.drill.rhythm == EACH and class_.trigger == MANUAL):
        jobs.append(_make_drill(name, class_.drill))
    return jobs


def _make_drill(name: str, drill: DrillRhythm) -> Job:
    """Return the drill of a class. After each run by hand the run itself drills, and there is no job."""
    is_each = drill.rhythm == EACH
    scenario = ("--scenario", drill.scenario) if drill.scenario else ()
    return Job(
        deed=Deed.DRILL,
        class_name=name,
        schedule="" if is_each else DRILL_RHYTHMS.get(drill.rhythm, drill.rhythm),
        trigger=EACH if is_each else "",
        options=(*scenario, *(("--sample",) if drill.sample else ())),
    )


def zone_of(configuration: Configuration) -> tzinfo:
    """Return the stack's time zone, or else the machine's."""
    name = configuration.stack.timezone
    return ZoneInfo(name) if name else local_zone()
