"""Container images on their way back to a bare machine: what no registry holds is loaded into the engine."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from rebond.errors import VaultDamaged
from rebond.findings import Finding, Severity
from rebond.operations.browsing import children, read_file, root_of
from rebond.operations.recovery.own_touches import Touches
from rebond.operations.recovery.parts import Room, Source
from rebond.operations.recovery.plan import IMAGES
from rebond.progress import Advance, Observer
from rebond.sources.images.listing import LIST_NAME, Image, name_archive
from rebond.vault.reading import SnapshotReader


class Engine(Protocol):
    """What runs containers on this machine. Both raise ``SourceError``."""

    def find(self, name: str) -> str:
        """Return the id of what a name or an id means; empty when it means nothing."""
        ...

    def load(self, content: Iterable[bytes]) -> None:
        """Take in an image as ``docker save`` wrote it, under the names that it had."""
        ...


class ImagesPart:
    """Images only ever come beside what is there: one that is there stays, a name that means another stays with that.

    So nothing is set aside, nothing has to be taken back, and a run that was cut begins again.
    """

    kind = IMAGES

    def __init__(self, name: str, find_engine: Callable[[], Engine], source: Source | None) -> None:
        self.name = name
        self._find_engine = find_engine
        self._source = source

    def rooms(self) -> Sequence[Room]:
        """Where an engine keeps its images is its own."""
        return ()

    def fetch(self, observer: Observer) -> None:
        """Load what is missing. Raises ``RebondError``."""
        assert self._source is not None  # noqa: S101 - only what was fetched needs none
        engine = self._find_engine()
        with self._source.reading() as reader:
            for image in list_saved(reader, self.name):
                if engine.find(image.id):
                    continue
                if image.saved_as != image.id and engine.find(image.saved_as):
                    observer.noticed(_name_taken(image, _path_of(self.name, image)))
                    continue
                observer.advanced(Advance(phase="restore", subject=f"{self.name} {image.name}"))
                engine.load(read_file(reader, _path_of(self.name, image)))

    def set_aside(self) -> None:
        """Nothing is in the way."""

    def put(self) -> None:
        """They are in their place."""

    def take_back(self) -> None:
        """They are in nobody's way."""

    def discard(self) -> None:
        """They are in nobody's way."""

    def accept(self) -> None:
        """There is no old version."""

    def describe_aside(self) -> str:
        """There is no old version."""
        return ""

    def was_written_since(self, since_ns: int, own: Touches) -> bool:  # noqa: ARG002 - as every part
        """Nobody writes to an image."""
        return False

    def has_brought(self) -> bool:
        """What was loaded stays, also when the rest is undone."""
        return False


def list_saved(reader: SnapshotReader, component: str) -> Iterator[Image]:
    """Yield the images that a component holds whole. Raises ``VaultDamaged``."""
    found = next((each for each in reader.components if each.name == component), None)
    names = {os.path.basename(item.path) for item in children(reader, root_of(found))} if found is not None else set()
    if LIST_NAME not in names:
        return
    document = b"".join(read_file(reader, f"{component}/{LIST_NAME.decode()}"))
    try:
        listed = [
            Image(name=str(each["name"]), id=str(each["id"]), tags=tuple(map(str, each["tags"])))
            for each in json.loads(document)["images"]
        ]
    except (ValueError, LookupError, TypeError) as error:
        raise VaultDamaged("The list of images of {component} cannot be read.", component=component) from error
    yield from (each for each in listed if name_archive(each) in names)


def _path_of(component: str, image: Image) -> str:
    return f"{component}/{name_archive(image).decode()}"


def _name_taken(image: Image, path: str) -> Finding:
    return Finding(
        code="image-name-taken",
        severity=Severity.WARNING,
        subject=image.name,
        template="{image} means another image on this machine, which stays; the one that was saved was not loaded.",
        hint_template="Compare the two; 'rebond cat SNAPSHOT {path} | docker load' brings the saved one.",
        values={"image": image.name, "path": path},
    )
