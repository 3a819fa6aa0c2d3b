"""Restores in place that were cut, as the doctor tells of them."""

from collections.abc import Iterator

from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.stack.half_done import find_half_done

CHECK = "restores"


def check_half_restores(scene: Scene) -> Iterator[Observation]:
    """Yield each with the command that ends it: until then no other begins, and what is in between is not saved."""
    for each in find_half_done(scene.state_folder, scene.configuration.stack.name, scene.clock):
        yield Observation(
            check=CHECK,
            code="restore-half-done",
            weight=Weight.FAILURE,
            template=each.finding.template,
            values=each.values,
            command=scene.command("rebond", "restore", f"--{each.way}", each.run),
        )
