"""Runs of one stack take turns: those by hand are refused while another runs, unattended ones ask for their turn."""

import contextlib
import socket
from collections.abc import Callable

from rebond.cli.configuration.at_hand import MAIN, find_usable, require_configuration
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import GOOD, answer, note, say_aside
from rebond.cli.output.speech import message_of, tr
from rebond.cli.vaults.at_hand import find_vault
from rebond.cli.vaults.opening import vault_at_hand
from rebond.clock import SystemClock
from rebond.config.model import Loaded
from rebond.errors import RebondError, SourceUnreachable, UsageError
from rebond.findings import Finding
from rebond.operations.snapshots import SnapshotFilter, list_snapshots
from rebond.schedule.deciding import find_next_try
from rebond.schedule.jobs import Deed, Job, make_calendar
from rebond.schedule.observing import Observer
from rebond.schedule.records import GOOD_STATUSES, Records
from rebond.schedule.stack_folders import folder_of
from rebond.schedule.stepping_back import step_back
from rebond.schedule.trying_again import wait_to_try_again
from rebond.schedule.turns import NotNow, Surroundings, Turn, note_saved, take_turn
from rebond.units import format_moment


def run_backup_in_turn(invocation: Invocation, class_name: str, run: Callable[[], int]) -> int:
    """Back up a class when it is due. Raises ``UsageError`` for a class that does not run unattended."""
    return run_in_turn(invocation, Deed.BACKUP, class_name, run)


def run_check_in_turn(invocation: Invocation, class_name: str, run: Callable[[], int]) -> int:
    """Read a class back when that is due. Raises ``UsageError`` for a class whose `verify` says nothing."""
    return run_in_turn(invocation, Deed.VERIFY, class_name, run)


def run_in_turn(invocation: Invocation, deed: Deed, class_name: str, run: Callable[[], int]) -> int:
    """Run when it is the job's turn, and write that down; else say why not and return 0."""
    loaded = require_configuration(invocation)
    job = _find_job(loaded, deed, class_name)
    _refuse_another_vault(invocation, loaded, job)
    around = surroundings_of(invocation, loaded)
    standing: int | None = None  # how a try ended whose snapshot lacks what did not answer
    failure: RebondError | None = None
    while True:
        tried_ms = around.clock.now_ms()
        try:
            ended = _run_once(invocation, loaded, job, around, run)
        except RebondError as error:
            failure, status = error, standing or error.exit_status
        else:
            if isinstance(ended, NotNow):
                _say_not_now(invocation, job, ended)
                return _end_without_a_turn(invocation, job, around, ended, standing, failure)
            failure, status = None, ended
            standing = status if invocation.may_be_whole_later else None
        if _waits_to_try_again(invocation, job, around, failure):
            continue
        if (failure is not None or standing is not None) and _was_made_good(job, around, tried_ms):
            _say_not_now(invocation, job, NotNow.MADE_GOOD)
            return _answer_not_begun(invocation, job, NotNow.MADE_GOOD, standing)
        if failure is not None and standing is None:
            raise failure
        if failure is not None:
            note(
                invocation,
                tr("{job} still lacks what did not answer: {reason}", job=job.name, reason=message_of(failure)),
            )
        return status


def _find_job(loaded: Loaded, deed: Deed, class_name: str) -> Job:
    """Return the job of a class. Raises ``UsageError`` where none is named, or that one does not run unattended."""
    jobs = {each.class_name: each for each in make_calendar(loaded.configuration).jobs if each.deed is deed}
    if not class_name:
        known = ", ".join(sorted(jobs))
        raise UsageError(
            "--scheduled is the turn of one class, and none is named.",
            hint="Name the class: --class NAME. These run unattended: {known}."
            if known
            else "No class does this unattended: say when in the configuration, then name it by --class NAME.",
            known=known,
        )
    if class_name not in jobs:
        raise UsageError(
            "--scheduled goes with a class that runs unattended, and '{name}' does not.",
            hint="Leave --scheduled out, or give class.{name} a schedule.",
            name=class_name,
        )
    return jobs[class_name]


def _run_once(
    invocation: Invocation, loaded: Loaded, job: Job, around: Surroundings, run: Callable[[], int]
) -> int | NotNow:
    invocation.may_be_whole_later = False
    with contextlib.ExitStack() as held:
        try:
            turn = held.enter_context(take_turn(job, around))
        except OSError as error:
            # A state folder that is full or gone must not cost the backup: at worst it is made twice.
            note(invocation, tr("The state of {job} cannot be written: {reason}.", job=job.name, reason=error.strerror))
            return run()
        if isinstance(turn, NotNow):
            return turn
        step_back(loaded.configuration.limits)
        invocation.must_be_whole = turn.record.is_lacking
        return _run_to_the_end(invocation, turn, run)


def _waits_to_try_again(invocation: Invocation, job: Job, around: Surroundings, failure: RebondError | None) -> bool:
    """Wait where the reason why a run failed, or lacks a component, may pass; say whether it is to be tried again."""
    if failure is None and (not invocation.may_be_whole_later or invocation.wants_json):  # there is one answer only
        return False
    record = Records(around.folder).read(job.name)
    next_ms = find_next_try(record) if record is not None else None
    if next_ms is None or (failure is not None and record is not None and record.status != failure.exit_status):
        return False
    words = {"job": job.name, "moment": format_moment(next_ms, around.calendar.zone)}
    text = (
        tr("{job} lacks what did not answer, and is tried again at {moment}.", **words)
        if failure is None
        else tr(
            "{job} failed for a reason that may pass, and is tried again at {moment}: {reason}",
            **words,
            reason=message_of(failure),
        )
    )
    try:
        return wait_to_try_again(job, around, lambda: note(invocation, text))
    except OSError:
        return False  # what failed is told, whatever becomes of the next try


def _was_made_good(job: Job, around: Surroundings, since_ms: int) -> bool:
    """Say whether another process ran a job well that had its last try here at ``since_ms``, which did not end so."""
    try:
        record = Records(around.folder).read(job.name)
    except OSError:
        return False
    return record is not None and record.began_ms >= since_ms and record.has_ended_well and not record.is_lacking


def _refuse_another_vault(invocation: Invocation, loaded: Loaded, job: Job) -> None:
    """Raise ``UsageError`` where a vault was named that is not the job's own: its turn would count as taken."""
    place = job.class_name if job.deed is Deed.FORGET else MAIN
    is_known = place != MAIN or loaded.configuration.vault is not None
    if invocation.named_vault is not None and is_known and find_vault(invocation).place != place:
        raise UsageError(
            "--scheduled is the turn of {job}, and {address} is not its vault.",
            hint="Leave --vault out, and REBOND_VAULT. Or leave --scheduled out: then the turn is not taken.",
            job=job.name,
            address=invocation.named_vault,
        )


def run_class_by_hand(invocation: Invocation, class_name: str, run: Callable[[], int]) -> int:
    """Run, and remember of a class that waits for a change which state was saved in the configuration's main vault.

    The run must be the class as it is configured: with less in it, a change could be taken for saved that is not.
    """
    loaded = find_usable(invocation)
    jobs = make_calendar(loaded.configuration).jobs if loaded else ()
    job = next((each for each in jobs if (each.deed, each.class_name) == (Deed.BACKUP, class_name)), None)
    if loaded is None or job is None or job.trigger != "change" or find_vault(invocation).place != MAIN:
        return run()
    folder, clock = folder_of(invocation.state_folder, loaded), SystemClock()
    state = Observer(loaded, folder, clock)(job).state  # before: what changes meanwhile is a change
    status = run()
    if status in GOOD_STATUSES:
        try:
            note_saved(job, folder, clock, state)
        except OSError as error:
            note(invocation, tr("The state of {job} cannot be written: {reason}.", job=job.name, reason=error.strerror))
    return status


def surroundings_of(invocation: Invocation, loaded: Loaded) -> Surroundings:
    """Return what the turns of a stack's jobs need to know."""
    folder, clock = folder_of(invocation.state_folder, loaded), SystemClock()

    def was_saved(job: Job, began_ms: int) -> bool:
        return _is_in_vault(invocation, loaded, job, began_ms)

    return Surroundings(
        folder=folder,
        calendar=make_calendar(loaded.configuration),
        clock=clock,
        observe=Observer(loaded, folder, clock),
        was_saved=was_saved,
    )


def _is_in_vault(invocation: Invocation, loaded: Loaded, job: Job, began_ms: int) -> bool:
    wanted = SnapshotFilter(
        class_=job.class_name, stack=loaded.configuration.stack.name, host=socket.gethostname(), newest=1
    )

    def ignore(_finding: Finding) -> None:
        """What is odd about the vault is told by the run itself."""

    with vault_at_hand(invocation, ignore) as vault:
        return any(each.catalog.time_ms >= began_ms for each in list_snapshots(vault.live, wanted))


def _end_without_a_turn(
    invocation: Invocation,
    job: Job,
    around: Surroundings,
    reason: NotNow,
    standing: int | None,
    failure: RebondError | None,
) -> int:
    """Return how a run ended that was not begun, or not begun again; raise why, where nobody made its last try good."""
    record = Records(around.folder).read(job.name)
    is_made_good = reason is NotNow.DONE or (record is not None and not record.is_pending and not record.failures)
    if not is_made_good and standing is not None:
        return standing
    if not is_made_good and failure is not None:
        raise failure
    return _answer_not_begun(invocation, job, reason, standing)


def _answer_not_begun(invocation: Invocation, job: Job, reason: NotNow, standing: int | None) -> int:
    """Answer once: a try whose snapshot stands has answered."""
    if standing is None:
        answer(invocation, {"began": False, "job": job.name, "reason": reason.value}, "")
    return GOOD


def _say_not_now(invocation: Invocation, job: Job, reason: NotNow) -> None:
    words = {
        NotNow.PAUSED: tr("Unattended runs are paused; 'rebond resume' ends that."),
        NotNow.NOT_DUE: tr("{job} is not due.", job=job.name),
        NotNow.QUEUED: tr("{job} runs, and another run of it waits already.", job=job.name),
        NotNow.DONE: tr("{job} was cut off after its snapshot stood; nothing is to be done again.", job=job.name),
        NotNow.MADE_GOOD: tr("{job} was made good by another run meanwhile.", job=job.name),
    }
    if reason is NotNow.NOT_DUE and job.schedule:
        # Told also where quiet was asked for: whoever starts its unit by hand takes a good end for a backup.
        command = " ".join(("rebond", *(each for each in job.arguments if each != "--scheduled")))
        say_aside(invocation, tr("{job} is not due. To run it all the same: {command}", job=job.name, command=command))
        return
    note(invocation, words[reason])


def _run_to_the_end(invocation: Invocation, turn: Turn, run: Callable[[], int]) -> int:
    try:
        status = run()
    except RebondError as error:
        status = error.exit_status
        _write(invocation, turn, lambda: turn.end(status))
        raise
    except KeyboardInterrupt:
        _write(invocation, turn, turn.give_back)
        raise
    except BaseException:
        _write(invocation, turn, lambda: turn.end(1))
        raise
    is_lacking = bool(turn.job.schedule) and status != GOOD and invocation.may_be_whole_later
    ended = SourceUnreachable.exit_status if is_lacking else status
    _write(invocation, turn, lambda: turn.end(ended, is_lacking=is_lacking))
    return status


def _write(invocation: Invocation, turn: Turn, write: Callable[[], None]) -> None:
    try:
        write()
    except OSError as error:
        note(
            invocation, tr("The state of {job} cannot be written: {reason}.", job=turn.job.name, reason=error.strerror)
        )
