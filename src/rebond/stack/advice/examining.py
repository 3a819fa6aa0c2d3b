"""All checks together: those that wait for programs at once, so that a healthy stack is judged in a moment."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rebond.errors import RebondError
from rebond.stack.advice.clocks import check_clock
from rebond.stack.advice.configuration import check_configuration
from rebond.stack.advice.earlier_runs import ran_out_of_room
from rebond.stack.advice.git_state import check_git
from rebond.stack.advice.half_restores import check_half_restores
from rebond.stack.advice.not_yet import check_not_yet
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.stack.advice.permissions import check_permissions
from rebond.stack.advice.reading_rights import check_rights, look_at_files
from rebond.stack.advice.room import Amounts, check_room
from rebond.stack.advice.saved_twice import check_saved_twice
from rebond.stack.advice.services import check_services
from rebond.stack.advice.starting import check_starting
from rebond.stack.advice.tools import check_programs, check_tools
from rebond.stack.advice.user_of_runs import check_user_of_runs
from rebond.stack.advice.vault_reports import VaultReport
from rebond.stack.advice.write_ahead_logs import check_write_ahead_logs

ORDER = (
    "configuration",
    "restores",
    "permissions",
    "rights",
    "schedule",
    "tools",
    "services",
    "vault",
    "room",
    "clock",
    "git",
)
_AT_ONCE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was seen, in the order of ``ORDER``, and how long it took."""

    observations: tuple[Observation, ...]
    seconds: float

    @property
    def to_mend(self) -> tuple[Observation, ...]:
        """What is not only a note."""
        return tuple(each for each in self.observations if each.weight is not Weight.NOTE)

    @property
    def is_good(self) -> bool:
        """Whether nothing is to be mended."""
        return not self.to_mend

    @property
    def has_failure(self) -> bool:
        """Whether a backup or restore would fail."""
        return any(each.weight is Weight.FAILURE for each in self.observations)


def examine(scene: Scene, examine_vaults: Callable[[], VaultReport]) -> Examination:
    """Run every check. ``examine_vaults`` opens the vaults with the keys at hand; it runs in this thread."""
    began = scene.clock.monotonic()
    checks = (
        check_configuration,
        check_saved_twice,
        check_not_yet,
        check_half_restores,
        check_permissions,
        check_tools,
        check_programs,
        check_services,
        check_clock,
        check_git,
        check_starting,
        check_user_of_runs,
        check_write_ahead_logs,
    )
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        running = [threads.submit(_run, scene, lambda check=check: check(scene)) for check in checks]  # type: ignore[misc]
        looking = threads.submit(look_at_files, scene)
        report = examine_vaults()
        looked = looking.result()
        observations = [each for future in running for each in future.result()]
    observations += _run(scene, lambda: check_rights(scene, looked))
    observations += report.observations
    expected = looked.size_bytes if report.expected_new_bytes is None else report.expected_new_bytes
    if ran_out_of_room(scene):  # what came before says little of what did not fit
        expected = max(expected, looked.size_bytes - (report.restored_bytes or 0))
    amounts = Amounts(
        expected_new=expected,
        restored=max(looked.size_bytes, report.restored_bytes or 0),
    )
    observations += _run(scene, lambda: check_room(scene, report.directory, amounts))
    return Examination(observations=_in_order(observations), seconds=scene.clock.monotonic() - began)


def _run(scene: Scene, check: Callable[[], Iterable[Observation]]) -> list[Observation]:
    """Run one check. One that is kept from looking is a finding itself, and the others go on."""
    observations: list[Observation] = []
    try:
        observations.extend(check())
    except (OSError, RebondError) as error:
        reason = error if isinstance(error, RebondError) else f"{error.filename}: {error.strerror}"
        observations.append(
            Observation(
                check="rights",
                code="check-prevented",
                weight=Weight.WARNING,
                template="{user} could not look at everything: {reason}",
                values={"user": scene.user, "reason": reason},
                command="rebond config check" if isinstance(error, RebondError) else "sudo rebond doctor",
            )
        )
    return observations


def _in_order(observations: Sequence[Observation]) -> tuple[Observation, ...]:
    return tuple(sorted(observations, key=lambda each: ORDER.index(each.check)))
