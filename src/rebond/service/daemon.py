"""``rebond serve``: one process that starts every run of a stack when it is due.

It decides nothing that is not in the files of the stack's folder, so that it may be killed at any moment: a run goes on
without it, and whether a job is due is decided once more by the run itself (``schedule.turns``).
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rebond.clock import Clock
from rebond.config.model import Loaded
from rebond.errors import AccessDenied, RebondError, VaultLocked
from rebond.logs.masking import mask
from rebond.schedule.cron_times import find_last_firing
from rebond.schedule.holding import find_holder, try_lock
from rebond.schedule.jobs import LANES, Calendar, Job, make_calendar
from rebond.schedule.observing import Observer
from rebond.schedule.pausing import read_pause
from rebond.schedule.records import GOOD_STATUSES, JobRecord, Records
from rebond.schedule.stack_folders import SERVE_LOCK
from rebond.service.attendants import Attendants
from rebond.service.children import Child
from rebond.service.configurations import Configurations
from rebond.service.due_jobs import DueJobs, DueRun
from rebond.service.known_records import KnownRecords
from rebond.service.late_places import LatePlaces
from rebond.service.waking import Waker
from rebond.service.watches import Watches

LOG = logging.getLogger("rebond.service")
_LOCK_TRIES = 10  # hooks and `schedule show` look at the lock for a moment
_LOCK_PAUSE_SECONDS = 0.05
_LONG_RUN_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """What the service is given. ``make_command`` returns the program and arguments of a job's run.

    ``list_attendants`` returns what is to run as long as the service does; ``hear`` is given what those write.
    ``list_vaults`` returns the folders of vaults that are directories.
    """

    folder: Path
    make_command: Callable[[Job], Sequence[str]]
    environment: Mapping[str, str]
    clock: Clock
    look_every_seconds: float = 1.0
    patience_seconds: float = 20.0
    first_rest_seconds: float = 2.0
    list_attendants: Callable[[Loaded], Mapping[str, Sequence[str]]] = lambda _: {}
    hear: Callable[[bytes], None] = lambda _: None
    list_vaults: Callable[[Loaded], Sequence[Path]] = lambda _: ()


@dataclass(slots=True, kw_only=True)
class _Lane:
    """Where one kind of run happens, one at a time. Reading back does not keep backups waiting, nor these secrets."""

    child: Child | None = None
    before: JobRecord | None = None
    began_ms: int = 0
    began_monotonic: float = 0.0
    after: JobRecord | None = None  # what stands in place of ``before`` once the run has ended well


@dataclass(slots=True, kw_only=True)
class ServiceFacts:
    """What the service says of itself; read by other threads, so each field is replaced as a whole."""

    since_ms: int = 0
    looked_monotonic: float = 0.0
    running: tuple[str, ...] = ()
    attending: tuple[str, ...] = ()
    fault: str = ""
    troubles: tuple[str, ...] = ()
    ended: dict[str, int] = field(default_factory=dict)


class Service:
    """The loop. ``stop`` and ``ask_reload`` may be called by signals and other threads."""

    def __init__(self, settings: ServiceSettings, configurations: Configurations) -> None:
        self._settings = settings
        self._clock = settings.clock
        self._configurations = configurations
        self._records = KnownRecords(Records(settings.folder), settings.clock)
        self._lanes = {name: _Lane() for name in LANES}
        self._waker = Waker()
        self._stops = 0
        self._is_reload_asked = False
        self._last_fault = ""
        self._overdue: dict[str, str] = {}
        self.facts = ServiceFacts()
        self._late_places = LatePlaces(settings.environment)
        self._attendants = Attendants(settings.environment, settings.clock, self._waker.wake, settings.hear)
        self._use_configuration()

    def _use_configuration(self) -> None:
        loaded = self._configurations.current
        self._calendar: Calendar = make_calendar(loaded.configuration)
        self._due = DueJobs(
            self._calendar,
            self._records,
            Watches(Observer(loaded, self._settings.folder, self._clock), self._clock),
            folder=self._settings.folder,
            clock=self._clock,
            first_rest_seconds=self._settings.first_rest_seconds,
        )
        self._records.faults.clear()
        self._late_places.want(self._settings.list_vaults(loaded))
        self._attendants.want(self._settings.list_attendants(loaded), knows=loaded)

    def stop(self) -> None:
        """End cleanly; asked twice, it waits for no run."""
        self._stops += 1
        self._waker.wake()

    def ask_reload(self) -> None:
        """Read the configuration anew, changed or not."""
        self._is_reload_asked = True
        self._waker.wake()

    def wake(self) -> None:
        """Look at once instead of within a second."""
        self._waker.wake()

    def run(self, *, open_doors: Callable[[], None], notice_ready: Callable[[], None]) -> None:
        """Serve until stopped. ``open_doors`` is called when nobody else serves, ``notice_ready`` after the first look.

        Raises ``VaultLocked`` when another process serves this stack, what ``open_doors`` raises, and ``AccessDenied``
        where only a new start of the unit lets this stack's runs write into a vault that was made meanwhile.
        """
        with self._alone():
            self.facts.since_ms = self._clock.now_ms()
            self.facts.looked_monotonic = self._clock.monotonic()
            with contextlib.suppress(OSError):  # what lies there takes room, no more
                Records(self._settings.folder).sweep()
            open_doors()
            try:
                self._look_safely()
                notice_ready()
                self._say_what_is_served()
                while not self._stops:
                    self._waker.wait(self._settings.look_every_seconds)
                    self._look_safely()
                    self._require_open_vaults()
            finally:
                self._end_runs()
                self._attendants.end()

    def _require_open_vaults(self) -> None:
        """Raise ``AccessDenied`` where a new start would open a vault, as soon as nothing runs."""
        if any(lane.child is not None for lane in self._lanes.values()):
            return
        if (place := self._late_places.find_shut()) is not None:
            raise AccessDenied(
                "The vault {location} was made after this service began, and its unit may not write there.",
                hint="It ends, for systemd to start it again: then it may. Else: systemctl restart UNIT",
                location=str(place),
            )

    def _say_what_is_served(self) -> None:
        stack, names = self._configurations.current.configuration.stack.name, [job.name for job in self._calendar.jobs]
        if names:
            LOG.info("serving %s: %s", stack, ", ".join(names))
        else:
            LOG.warning("serving %s, in which nothing runs unattended: no class has a schedule or a trigger", stack)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        path = self._settings.folder / SERVE_LOCK
        for _ in range(_LOCK_TRIES):
            lock = try_lock(path, "rebond serve", self._clock)
            if lock is not None:
                break
            self._clock.sleep(_LOCK_PAUSE_SECONDS)
        else:
            holder = find_holder(path)
            raise VaultLocked(
                "Another process serves the stack {stack} already: {pid}.",
                hint="'rebond schedule show' says what it does. Stop it first, or leave it.",
                stack=self._configurations.current.configuration.stack.name,
                pid=holder.pid if holder else "?",
            )
        try:
            yield
        finally:
            lock.release()

    def _look_safely(self) -> None:
        """Look; what goes wrong is told, and tried again with the next look. Nothing of it ends the service."""
        fault = ""
        try:
            self.look()
        except (RebondError, OSError) as error:
            fault = str(error)
            if fault != self._last_fault:  # once is enough, every second is not
                LOG.error("a look failed and is repeated: %s", fault)  # noqa: TRY400 - a disk, not a fault of ours
        except Exception as error:  # a fault of ours in one corner is no reason to save nothing
            fault = f"{type(error).__name__}: {error}"
            if fault != self._last_fault:
                LOG.exception("a look failed and is repeated: %s", fault)
        self._last_fault = fault
        overdue = self._list_overdue()
        for name in overdue.keys() - self._overdue.keys():
            LOG.error("%s: %s", name, overdue[name])
        self._overdue = overdue
        found = (
            *self._records.faults.items(),
            *self._due.unseen.items(),
            *overdue.items(),
            *([("", fault)] if fault else []),
        )
        self.facts.troubles = tuple(mask(f"{name}: {said}" if name else said) for name, said in found)
        self.facts.looked_monotonic = self._clock.monotonic()

    def _list_overdue(self) -> dict[str, str]:
        """Return the runs that go on for more than a day while others of their lane, or their own next, are due.

        Nothing is ended: a first backup may take days. But what hangs for ever must not look well for ever.
        """
        found = {}
        for name, lane in self._lanes.items():
            seconds = self._clock.monotonic() - lane.began_monotonic
            if lane.child is not None and seconds > _LONG_RUN_SECONDS and self._has_missed(name, lane.began_ms):
                since = f"{seconds / 3600:.0f} hours, process {lane.child.pid}"
                found[lane.child.job.name] = f"runs since {since}, and keeps waiting what was to run meanwhile"
        return found

    def _has_missed(self, lane: str, since_ms: int) -> bool:
        now_ms, zone = self._clock.now_ms(), self._calendar.zone
        return any(
            (find_last_firing(job.schedule, now_ms, zone) or 0) > since_ms
            if job.schedule
            else not self._is_running(job) and self._due.find(job) is not None
            for job in self._calendar.jobs
            if job.lane == lane
        )

    def look(self) -> None:
        """See what ended, what changed, and start what is due."""
        is_asked, self._is_reload_asked = self._is_reload_asked, False
        if self._configurations.look(is_asked=is_asked):
            self._notice_configuration()
        if not self._stops:
            self._attendants.look()
        for lane in self._lanes.values():
            if lane.child is not None and lane.child.status is not None:
                self._conclude(lane)
        if not self._stops and read_pause(self._settings.folder, self._clock.now_ms()) is None:
            for name, lane in self._lanes.items():
                if lane.child is None:
                    self._start_next(name, lane)
        self.facts.attending = tuple(self._attendants.running)
        self.facts.running = tuple(lane.child.job.name for lane in self._lanes.values() if lane.child)

    def _notice_configuration(self) -> None:
        fault = self._configurations.fault
        self.facts.fault = fault
        if fault:
            LOG.error("the configuration was changed and cannot be used; the old one stays: %s", fault)
            return
        LOG.info("the configuration was read anew")
        self._use_configuration()
        self._say_what_is_served()

    def _start_next(self, name: str, lane: _Lane) -> None:
        found = [
            (job.trigger != "change", due.firing_ms, job, due)
            for job in self._calendar.jobs
            if job.lane == name and not self._is_running(job) and (due := self._due.find(job)) is not None
        ]
        if found:
            # A changed secret is quickly saved, and waits behind nothing that only makes up for a night.
            *_, job, due = min(found, key=lambda each: each[:2])
            self._start(job, lane, due)

    def _is_running(self, job: Job) -> bool:
        """Say whether a run of this job is under way, which may have begun in another lane before a reload."""
        return any(lane.child is not None and lane.child.job.name == job.name for lane in self._lanes.values())

    def _start(self, job: Job, lane: _Lane, due: DueRun) -> None:
        lane.before, lane.after = self._records.read(job.name), due.after
        lane.began_ms, lane.began_monotonic = self._clock.now_ms(), self._clock.monotonic()
        try:
            lane.child = Child(
                job,
                self._settings.make_command(job),
                environment=self._settings.environment,
                folder=self._settings.folder,
                notice_end=self._waker.wake,
            )
        except (RebondError, OSError) as error:
            LOG.error("%s could not be started: %s", job.name, error)  # noqa: TRY400 - no fault of ours
            self._due.let_rest(job)
            return
        LOG.info("%s begins, process %d", job.name, lane.child.pid)

    def _conclude(self, lane: _Lane) -> None:
        child, lane.child = lane.child, None
        assert child is not None  # noqa: S101 - the caller looked
        assert child.status is not None  # noqa: S101 - idem
        self.facts.ended = {**self.facts.ended, child.job.name: child.status}
        document = child.document()
        if child.status == 0:
            LOG.info("%s ended: %s", child.job.name, document.get("id") or document.get("reason") or "good")
        else:
            LOG.warning("%s ended with status %d: %s", child.job.name, child.status, child.why())
        record = self._records.read(child.job.name)
        if record is not None and record.ended_ms and record != lane.before:
            self._due.end_rest(child.job)
            return
        if child.status in GOOD_STATUSES and document.get("began") is not False and lane.after is not None:
            # It could not write down its end, on a full disk. Without that it would be begun again and again.
            self._records.write(child.job.name, lane.after)
            self._due.end_rest(child.job)
            return
        self._due.let_rest(child.job)

    def _end_runs(self) -> None:
        """Let what runs end by itself for a while; interrupt it then. What is interrupted stays due."""
        until = self._clock.monotonic() + self._settings.patience_seconds
        children = [lane.child for lane in self._lanes.values() if lane.child is not None]
        if children:
            LOG.info("stopping; waiting for %s", ", ".join(each.job.name for each in children))
        while any(each.status is None for each in children):
            left_seconds = until - self._clock.monotonic()
            if left_seconds <= 0 or self._stops > 1:
                break
            self._waker.wait(min(left_seconds, self._settings.look_every_seconds))
        for each in children:
            if each.status is None:
                LOG.warning("%s is interrupted; it begins again with the next start", each.job.name)
                each.interrupt()
        for lane in self._lanes.values():
            if lane.child is not None and lane.child.status is not None:
                self._conclude(lane)
