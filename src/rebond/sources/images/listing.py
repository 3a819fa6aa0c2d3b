"""Which images an application runs: their names, ids and digests, as docker and kubectl tell them."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rebond.errors import CommandFailed
from rebond.findings import Finding, Severity
from rebond.sources.channels.inspecting import Ask, bad_answer, inspect_containers, read_objects, says_missing

Report = Callable[[Finding], None]
_ID = re.compile(r"sha256:[0-9a-f]+|[0-9a-f]{64}")
LIST_NAME = b"images.json"  # beside the archives
_OWN_REGISTRY = "localhost/"  # what podman calls images that it built


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image. ``name`` is what the stack calls it; ``id`` may be empty.

    ``digests`` say where a registry has it. Some engines make one up for what was never pushed, so of an image that
    the compose files build it counts only where its name has a registry. ``was_never_elsewhere`` is an engine's own
    word that it was built here, and neither pulled nor pushed.
    """

    name: str
    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    bytes: int = 0
    is_built: bool = False
    was_never_elsewhere: bool = False

    @property
    def is_local_only(self) -> bool:
        """Whether no registry is known to hold it."""
        elsewhere = [each for each in self.digests if not each.startswith(_OWN_REGISTRY)]
        return not elsewhere or self.was_never_elsewhere or (self.is_built and not _names_registry(self.name))

    @property
    def saved_as(self) -> str:
        """Return how to ask for just this one: its tag, else its id. A name without tag would mean all of its tags."""
        wanted = [each for each in self.tags if each in {self.name, f"{self.name}:latest"}]
        return next(iter(wanted or self.tags), self.id)


def list_of_compose(compose: Sequence[str], docker: str, ask: Ask, report: Report) -> list[Image]:
    """Return the images of a compose project: those of its files, and those of its containers.

    What runs may be another than what its name means by now: then both are listed. ``compose`` are the words that
    call compose for this project. Raises ``SourceError``.
    """
    names = dict.fromkeys(_ask_files(compose, ask))
    running = dict[str, None]()
    for each in inspect_containers(docker, ask([*compose, "ps", "--all", "--quiet"]).decode().split(), ask):
        named, own = _made_of(each)
        if _has(names, named):
            running[own] = None
        else:
            names[own] = None  # it runs what no file names any more
    built = _ask_built(compose, ask)
    listed = [
        replace(found, is_built=name in built)
        for name in names
        if name
        for found in _inspect(docker, name, ask, report)
    ]
    replaced = [own for own in running if own and not any(_is_same(own, each.id) for each in listed)]
    return [*listed, *(found for own in replaced for found in _inspect(docker, own, ask, report))]


def list_of_containers(docker: str, containers: Sequence[str], ask: Ask, report: Report) -> list[Image]:
    """Return the images that these containers were made of. Raises ``SourceError``.

    A name that was given to a newer image since is left to that: what runs is found by its id.
    """
    images: dict[str, Image] = {}
    for each in inspect_containers(docker, containers, ask):
        named, own = _made_of(each)
        found = [image for image in _inspect(docker, named, ask, report) if _is_same(image.id, own)] if named else []
        images |= {image.id: image for image in found or (_inspect(docker, own, ask, report) if own else [])}
    return list(images.values())


def means_still(docker: str, image: Image, ask: Ask) -> bool:
    """Say whether the name by which an image is saved means no other image by now. Raises ``SourceError``."""
    found = _inspect(docker, image.saved_as, ask, lambda _: None) if image.saved_as != image.id else []
    return all(_is_same(each.id, image.id) for each in found)


def _made_of(container: dict[str, Any]) -> tuple[str, str]:
    """Return the name of the image that a container was made of, as it was then, and its id."""
    return str((container.get("Config") or {}).get("Image") or ""), str(container.get("Image") or "")


def _is_same(one: str, other: str) -> bool:
    return one.removeprefix("sha256:") == other.removeprefix("sha256:")


def list_of_cluster(answer: bytes, container: str = "") -> list[Image]:
    """Return the images of the pods in an answer of ``kubectl get pods --output json``, of all or one container."""
    found: dict[str, Image] = {}
    try:
        for pod in json.loads(answer)["items"]:
            status = pod.get("status", {})
            for each in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
                if container and each.get("name") != container:
                    continue
                name, where = str(each["image"]), str(each.get("imageID", "")).removeprefix("docker-pullable://")
                digests = (where,) if re.search(r"[^:]@sha256:", where) else ()
                found[name + where] = Image(name=name, id=where.rpartition("@")[2], tags=(name,), digests=digests)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise bad_answer("kubectl") from None
    return [found[each] for each in sorted(found)]


def write_list(images: Sequence[Image]) -> bytes:
    """Return the document of all images."""
    known = [asdict(each) | {"is_local_only": each.is_local_only} for each in images]
    return json.dumps({"images": known}, indent=2, sort_keys=True).encode() + b"\n"


def name_archive(image: Image) -> bytes:
    """Return the name of the file that holds an image: readable, and no other image has the same."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", image.name).strip("._")[:100]
    return f"{readable or 'image'}-{image.id.removeprefix('sha256:')[:12]}.tar".encode()


def _ask_files(compose: Sequence[str], ask: Ask) -> list[str]:
    try:
        return ask([*compose, "config", "--images"]).decode().split()
    except CommandFailed:
        return []  # the old docker-compose cannot tell; then its containers do


def _ask_built(compose: Sequence[str], ask: Ask) -> set[str]:
    """Return the names of the images that the compose files build here."""
    try:
        answer = json.loads(ask([*compose, "config", "--format", "json"]))
        project, services = str(answer.get("name", "")), answer.get("services", {})
        return {
            str(each.get("image") or f"{project}-{service}")
            for service, each in services.items()
            if isinstance(each, dict) and each.get("build")
        }
    except (CommandFailed, ValueError, AttributeError):
        return set()  # the old docker-compose cannot tell; its engines make no digests up


def _names_registry(name: str) -> bool:
    """Say whether a name begins with the host of a registry, as docker reads it."""
    first, slash, _ = name.partition("/")
    return bool(slash) and first != "localhost" and ("." in first or ":" in first)


def _has(names: dict[str, None], image: str) -> bool:
    return any(image.removesuffix(":latest") == each.removesuffix(":latest") for each in names)


def _inspect(docker: str, name: str, ask: Ask, report: Report) -> list[Image]:
    try:
        answer = ask([docker, "image", "inspect", name])
    except CommandFailed as error:
        if not says_missing(error):
            raise
        report(_missing(name))
        return []
    try:
        return [_read_image(name, each) for each in read_objects(answer, docker)]
    except (LookupError, TypeError, ValueError, AttributeError):
        raise bad_answer(docker) from None


def _read_image(name: str, known: dict[str, Any]) -> Image:
    tags, origin = tuple(map(str, known.get("RepoTags") or ())), known.get("Identity") or {}
    return Image(
        name=name if not name.startswith("sha256:") else next(iter(tags), name),
        id=str(known["Id"]),
        tags=tuple(sorted(tags)),
        digests=tuple(sorted(map(str, known.get("RepoDigests") or ()))),
        bytes=int(known.get("Size") or 0),
        was_never_elsewhere=bool(origin.get("Build")) and not origin.get("Pull"),
    )


def _missing(name: str) -> Finding:
    if _ID.fullmatch(name):
        return Finding(
            code="image-missing",
            severity=Severity.WARNING,
            subject=name,
            template="A container runs {name}, which the engine has no more.",
            hint_template="Start it anew; what it runs now can be saved by no engine.",
            values={"name": name},
        )
    return Finding(
        code="image-missing",
        severity=Severity.WARNING,
        subject=name,
        template="The image {name} is in the compose files, and not on this machine.",
        hint_template="Pull or build it: docker compose pull, or docker compose build.",
        values={"name": name},
    )
