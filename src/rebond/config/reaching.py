"""Whether a schedule can reach what is promised: how much work lies between two of its runs."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise

from cronsim import CronSim

from rebond.config.components import Component, Postgres
from rebond.config.model import Configuration
from rebond.config.places import Node, Problems
from rebond.errors import ConfigError
from rebond.units import format_span

BEGIN = datetime(2026, 1, 1)  # noqa: DTZ001 - a calendar without changes of the clock: a day has 24 hours
LOOKED_AT = timedelta(days=800)  # a leap day may lie in it
MOST_RUNS = 5000


@lru_cache(maxsize=256)
def find_longest_gap(schedule: str) -> int:
    """Return the seconds of the longest wait between two times of a cron schedule, by a clock on the wall."""
    gaps = [later - earlier for earlier, later in pairwise(islice(_times(schedule), MOST_RUNS))]
    return round(max(gaps, default=LOOKED_AT).total_seconds())


def _times(schedule: str) -> Iterator[datetime]:
    for each in CronSim(schedule, BEGIN):
        if each - BEGIN > LOOKED_AT:
            return
        yield each


def warn_of_unreachable(configuration: Configuration, root: Node, problems: Problems) -> None:
    """Report every component whose rhythm leaves more work unsaved than its ``rpo`` allows."""
    for name, component in configuration.component.items():
        if component.rpo is None or _is_continuous(component):
            continue
        gaps = [
            (find_longest_gap(each.schedule) if each.schedule else 0, title)
            for title, each in configuration.classes.items()
            if (each.takes_all or name in each.components) and (each.schedule or each.trigger in {"change", "commit"})
        ]
        if not gaps:
            continue  # by hand only, or in no class: that is told elsewhere
        gap, title = min(gaps)
        if gap > component.rpo:
            problems.warn(
                root.find("component", name, "rpo").place,
                ConfigError(
                    "The component {component} may lose {rpo}, but its quickest class, {title}, runs every {gap}.",
                    hint="Let class.{title} run more often, or allow more with rpo.",
                    component=name,
                    rpo=format_span(component.rpo),
                    title=title,
                    gap=format_span(gap),
                ),
            )


def _is_continuous(component: Component) -> bool:
    """Whether something streams it between the runs."""
    return isinstance(component, Postgres) and component.method == "physical" and component.wal is not None
