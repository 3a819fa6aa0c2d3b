"""What failed for a reason that may pass is tried again by the run itself, where nobody else would start it.

``rebond serve`` and the hook of Git try again by themselves, and timers ask every few minutes or every hour about what
waits for a change or for a backup. What has an hour of its own is started by systemd and cron when that has come,
and not before the next one.
"""

from collections.abc import Callable

from rebond.schedule.deciding import find_next_try, may_try
from rebond.schedule.holding import find_holder, try_lock
from rebond.schedule.jobs import Job
from rebond.schedule.records import JOBS, Records
from rebond.schedule.stack_folders import SERVE_LOCK
from rebond.schedule.turns import Surroundings

_ASKED_AGAIN = frozenset({"change", "each", "commit"})  # triggers of which others ask soon enough
_LONGEST_SLEEP_SECONDS = 30.0  # a service that begins meanwhile, and a clock that is set, are noticed after so long


def wait_to_try_again(job: Job, around: Surroundings, tell: Callable[[], None]) -> bool:
    """Wait until a job that has just failed may be tried again; ``False`` at once, or later, when that is not for us.

    So it is where its end is nothing that passes by itself, it was tried often enough, another process waits already
    or has run it meanwhile, or a service runs the stack. Nothing is held while it waits, so any other run may begin.
    ``tell`` is called once, before the first pause. Raises ``OSError`` where the stack's folder cannot be written.
    """
    if job.trigger in _ASKED_AGAIN:
        return False
    waiting = try_lock(around.folder / JOBS / f"{job.name}.again", job.name, around.clock)
    if waiting is None:
        return False
    is_told = False
    try:
        while True:
            record = Records(around.folder).read(job.name)
            next_ms = find_next_try(record) if record is not None else None
            if record is None or next_ms is None or find_holder(around.folder / SERVE_LOCK) is not None:
                return False
            now_ms = around.clock.now_ms()
            if may_try(record, now_ms):
                return True
            if not is_told:
                tell()
                is_told = True
            around.clock.sleep(min((next_ms - now_ms) / 1000, _LONGEST_SLEEP_SECONDS))
    finally:
        waiting.release()
