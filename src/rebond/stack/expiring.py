"""When the retention of the configuration will let each snapshot go."""

import datetime as dt
from collections.abc import Sequence
from functools import partial

from rebond.config.model import Loaded
from rebond.identifiers import ObjectName
from rebond.schedule.cron_times import find_next_firing
from rebond.stack.keeping import find_policies
from rebond.vault.retention import Candidate, find_last_complete
from rebond.vault.retention_forecast import forecast_expiry


def foresee_expiry(
    loaded: Loaded, place: str, candidates: Sequence[Candidate], *, stack: str, zone: dt.tzinfo, now_ms: int
) -> dict[ObjectName, int]:
    """Return from when on ``keep`` holds each snapshot in ``place`` no more, in milliseconds since 1970.

    ``candidates`` are all snapshots of the vault. Left out is what stays for ever, what no class of the configuration
    speaks of, and what hangs on backups that nobody can foresee because their class has no schedule.
    """
    last_complete = find_last_complete(candidates)
    found: dict[ObjectName, int] = {}
    for class_, policy in find_policies(loaded, place).items():
        cron = loaded.configuration.classes[class_].schedule
        found |= forecast_expiry(
            [each for each in candidates if (each.stack, each.class_) == (stack, class_)],
            policy,
            zone=zone,
            now_ms=now_ms,
            find_next_run=partial(_find_next_run, cron, zone),
            last_complete=last_complete,
        )
    return found


def _find_next_run(cron: str | None, zone: dt.tzinfo, after_ms: int) -> int | None:
    return find_next_firing(cron, after_ms, zone) if cron else None
