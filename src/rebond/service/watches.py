"""Looking at what jobs wait for, often where it is cheap and seldom where it is not."""

from dataclasses import dataclass

from rebond.clock import Clock
from rebond.schedule.calling import Calls
from rebond.schedule.deciding import Signs
from rebond.schedule.jobs import Job
from rebond.schedule.turns import Observing

_SHARE = 20  # looking may take one twentieth of the time
_CALLS_PAUSE_MS = 2_000  # a rebase commits many times
_CALLS_PATIENCE_MS = 20_000
_PATIENCE_SECONDS = 20.0  # what is written to all day is never seen twice the same


@dataclass(slots=True, kw_only=True)
class _Seen:
    signs: Signs
    next_look: float
    is_steady: bool = False
    calm: float = 0.0  # when it was last steady, or taken as it was


class Watches:
    """Remembers what was seen of each job. A change counts once it is seen twice, for writers write in steps.

    What never comes to rest counts every twenty seconds.
    """

    def __init__(self, observe: Observing, clock: Clock) -> None:
        self._observe = observe
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    def look(self, job: Job) -> Signs | None:
        """Return what the job looks at; ``None`` while that is still changing."""
        began = self._clock.monotonic()
        seen = self._seen.get(job.name)
        if job.trigger != "change":
            return self._observe(job)
        if seen is None or began >= seen.next_look:
            signs = self._observe(job)
            took = self._clock.monotonic() - began
            calm = began if seen is None or seen.is_steady else seen.calm
            is_steady = seen is not None and (seen.signs == signs or began - calm > _PATIENCE_SECONDS)
            next_look = self._clock.monotonic() + took * _SHARE
            seen = _Seen(signs=signs, next_look=next_look, is_steady=is_steady, calm=calm)
            self._seen[job.name] = seen
        return seen.signs if seen.is_steady else None


def are_calls_quiet(calls: Calls, now_ms: int) -> bool:
    """Say whether a run for these calls may begin: commits come in bursts, and one run serves them all."""
    return calls.are_quiet(now_ms, _CALLS_PAUSE_MS, _CALLS_PATIENCE_MS)
