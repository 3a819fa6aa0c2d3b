"""The engine of this machine, as it makes the place of a component that lives in a volume or in a container."""

from collections.abc import Callable, Sequence

from rebond.config.components import Component
from rebond.config.model import Loaded
from rebond.config.steps import Step
from rebond.errors import SourceUnreachable
from rebond.operations.recovery.file_part import FilesPlace
from rebond.operations.recovery.late_part import LatePlace
from rebond.stack.contained_places import find_landing, lies_inside
from rebond.stack.hooks import make_hook
from rebond.stack.whereabouts import Place, asking_each_once, find_engine, find_project, list_compose_words, words_of

_SECONDS = 1800  # images may have to be fetched or built


def comes_late(component: Component, loaded: Loaded) -> bool:
    """Say whether the place of a component can be made here: by compose, or as a volume that no compose file names.

    A container that somebody ran by hand, nobody knows how, and what a cluster makes, is not.
    """
    if not lies_inside(component):
        return False
    if component.inside is not None:
        return component.inside.engine == "compose" and bool(loaded.configuration.stack.compose)
    return True


def describe_place(component: Component, loaded: Loaded) -> str:
    """Return the place of such a component in words, before it is there."""
    if component.inside is not None:
        path = getattr(component, "path", None)
        return f"{component.inside.engine}:{component.inside.name}" + (f":{path}" if path else "")
    return f"volume {words_of(component.volume, loaded)}"


class ContainerMaker:
    """Implements ``Maker`` for one component."""

    def __init__(self, component: Component, loaded: Loaded, find_place: Callable[[Loaded], FilesPlace]) -> None:
        """``find_place`` says where the files are, as for a restore in place. Raises ``SourceError``."""
        self._component = component
        self._loaded = loaded
        self._find_place = find_place

    def list_volumes(self) -> Sequence[str]:
        """Return the names of all volumes of the engine. Raises ``SourceError``."""
        here = Place(loaded=self._loaded)
        return here.ask((find_engine(self._loaded), "volume", "ls", "--quiet")).decode(errors="replace").split()

    def make(self) -> None:
        """Make the containers, with what they need, and start nothing. Raises ``RebondError``.

        Compose makes volumes with its own marks, and asks about one that has none. Containers that are there stay.
        """
        words: tuple[str, ...] = ("volume", "create", words_of(self._component.volume, self._loaded))
        if self._loaded.configuration.stack.compose:
            service = (self._component.inside.name,) if self._component.inside is not None else ()
            words = (*list_compose_words(self._loaded), "up", "--no-start", "--no-recreate", *service)
        else:
            words = (find_engine(self._loaded), *words)
        make_hook(Step(run=words, timeout=_SECONDS), self._loaded, {"REBOND_HOOK": "restore"}).run()

    def find(self) -> LatePlace:
        """Return where the component lies. Raises ``SourceError``."""
        with asking_each_once():
            if self._component.volume is not None and self._loaded.configuration.stack.compose:
                self._require_project()
            place = self._find_place(self._loaded)
            landing = find_landing(place.name, self._component, self._loaded)
        return LatePlace(place=place, mine=landing.mine, volume=landing.volume)

    def _require_project(self) -> None:
        """Raise ``SourceUnreachable`` where nobody knows the project yet: its volume may be that of another stack."""
        if not find_project(self._loaded):
            raise SourceUnreachable(
                "Compose does not say what the project of {volume} is called, and no container of it says so either.",
                hint="Set COMPOSE_PROJECT_NAME in a file of 'env'.",
                volume=words_of(self._component.volume, self._loaded),
            )
