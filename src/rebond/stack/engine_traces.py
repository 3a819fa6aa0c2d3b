"""What the engine of this machine has, and what of that was made for a stack since somebody looked."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from rebond.config.components import Component
from rebond.config.model import Loaded
from rebond.sources.channels.addresses import Client
from rebond.sources.channels.inspecting import inspect_containers, read_objects
from rebond.sources.channels.volumes import PROJECT
from rebond.stack.whereabouts import Place, find_engine, find_project, words_of

_FOLDER = "com.docker.compose.project.working_dir"


class Traces(Struct, frozen=True, kw_only=True):
    """Containers and networks by id or by name, volumes by name."""

    containers: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    def removal(self, client: str) -> str:
        """Return the line that removes all of it; empty where there is nothing."""
        words = {"rm --force": self.containers, "volume rm": self.volumes, "network rm": self.networks}
        return " && ".join(" ".join([client, verb, *names]) for verb, names in words.items() if names)

    def names(self) -> list[str]:
        """Return all names."""
        return [*self.containers, *self.volumes, *self.networks]


def uses_engine(loaded: Loaded) -> bool:
    """Say whether anything of a stack lies with the engine of this machine."""
    components: Iterable[Component] = loaded.configuration.component.values()
    return bool(loaded.configuration.stack.compose) or any(
        each.volume is not None or (each.inside is not None and each.inside.engine != Client.KUBERNETES)
        for each in components
    )


def list_traces(loaded: Loaded) -> Traces:
    """Return all that the engine has, of whatever stack. Raises ``SourceError``."""
    here, client = Place(loaded=loaded), find_engine(loaded)
    return Traces(
        containers=_split(here.ask((client, "ps", "--all", "--quiet", "--no-trunc"))),
        volumes=_split(here.ask((client, "volume", "ls", "--quiet"))),
        networks=_split(here.ask((client, "network", "ls", "--quiet", "--no-trunc"))),
    )


def find_made(loaded: Loaded, before: Traces) -> tuple[Traces, str]:
    """Return what of this stack the engine has and had not ``before``, by name, and the engine. Raises ``SourceError``.

    Of this stack is what compose marks with its project, and a volume that a component names. When something was made
    is not asked: docker calls the last change in a volume that.
    """
    here, client, now = Place(loaded=loaded), find_engine(loaded), list_traces(loaded)
    new = [each for each in now.containers if each not in before.containers]
    containers = {
        str(each["Name"]).lstrip("/"): _labels_of(each.get("Config") or {})
        for each in inspect_containers(client, new, here.ask)
    }
    # Its files may be gone by now: then the containers say what it was called.
    projects = {
        find_project(loaded),
        *(each.get(PROJECT, "") for each in containers.values() if _is_here(each, loaded)),
    }

    def of_project(kind: str, names: Sequence[str]) -> tuple[str, ...]:
        found = read_objects(here.ask((client, kind, "inspect", *names)), client) if names else []
        return tuple(sorted(str(each["Name"]) for each in found if _labels_of(each).get(PROJECT) in projects - {""}))

    named = {words_of(each.volume, loaded) for each in loaded.configuration.component.values() if each.volume}
    volumes = [each for each in now.volumes if each not in before.volumes]
    made = Traces(
        containers=tuple(sorted(name for name, each in containers.items() if each.get(PROJECT) in projects - {""})),
        volumes=tuple(sorted({*of_project("volume", volumes), *named.intersection(volumes)})),
        networks=of_project("network", [each for each in now.networks if each not in before.networks]),
    )
    return made, client


def _is_here(labels: dict[str, str], loaded: Loaded) -> bool:
    return labels.get(_FOLDER) == str(loaded.root)


def _labels_of(described: dict[str, object]) -> dict[str, str]:
    found = described.get("Labels")
    return found if isinstance(found, dict) else {}


def _split(answer: bytes) -> tuple[str, ...]:
    return tuple(answer.decode(errors="replace").split())
