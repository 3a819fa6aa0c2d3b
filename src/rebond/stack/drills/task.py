"""What one drill is asked to do, and where."""

from collections.abc import Mapping

from msgspec import Struct, field

from rebond.clock import Clock
from rebond.config.components import Component
from rebond.config.model import Loaded
from rebond.operations.physical.targets import SET, Target
from rebond.operations.selection import Selection
from rebond.progress import Observer
from rebond.stack.drills.place import DrillPlace


class DrillTask(Struct, frozen=True, kw_only=True):
    """What is wanted of a drill. ``environment`` is our own; little of it reaches what is started.

    ``ages`` say what is lost with each component, in seconds. ``selections`` choose a part of some components. Where
    ``is_part`` says that the stack is not whole, the user's checks are not asked and no application is started.
    With ``asks_only_user`` nothing else is asked. ``is_sample`` chooses a part of whatever is large by chance, and asks
    no command, which would want the whole. ``target`` is the moment that data directories are brought to,
    ``targets`` that of some of them.
    """

    loaded: Loaded | None
    place: DrillPlace
    environment: Mapping[str, str]
    clock: Clock
    observer: Observer
    ages: Mapping[str, float] = field(default_factory=dict)
    selections: Mapping[str, Selection] = field(default_factory=dict)
    is_part: bool = False
    asks_only_user: bool = False
    is_sample: bool = False
    target: Target = SET
    targets: Mapping[str, Target] = field(default_factory=dict)

    def find_component(self, name: str) -> Component | None:
        """Return a component as it is configured; ``None`` where it is not, or nothing is."""
        return self.loaded.configuration.component.get(name) if self.loaded else None

    def find_target(self, name: str) -> Target:
        """Return the moment that a component is brought to."""
        return self.targets.get(name, self.target)
