"""What a snapshot says of the PostgreSQL databases in it, read before anything is restored."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from rebond.errors import UnknownName, VaultDamaged
from rebond.operations.browsing import Located, children, content_of, root_of
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import PrivateComponent

MANIFEST = b"manifest.json"


class SavedTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table by its name and the file of its rows."""

    schema: str
    name: str
    file: str


class SavedManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What ``manifest.json`` of a database says, as far as a drill needs it."""

    database: str
    server_version: str = ""
    encoding: str = "UTF8"
    collate: str = ""
    ctype: str = ""
    owner: str = ""
    details: dict[str, object] = {}
    settings: dict[str, list[str]] = {}
    extensions: dict[str, str] = {}
    tables: list[SavedTable] = []

    @property
    def major(self) -> int:
        """The version of the server, by its first number; 0 where it is not known."""
        first = self.server_version.partition(".")[0].partition(" ")[0]
        digits = first.removesuffix("devel").partition("beta")[0].partition("rc")[0]
        return int(digits) if digits.isdecimal() else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedDatabase:
    """One database of a component. ``folder`` is where it lies in the component's tree; empty for the top."""

    folder: str
    manifest: SavedManifest


def read_databases(reader: SnapshotReader, component: PrivateComponent) -> tuple[SavedDatabase, ...]:
    """Return the databases of a component. Raises ``VaultDamaged``."""
    return tuple(_find(reader, root_of(component), ""))


def _find(reader: SnapshotReader, folder: Located, name: str) -> Iterator[SavedDatabase]:
    if not folder.directory:
        return
    items = list(children(reader, folder))
    manifest = next((each for each in items if each.entry is not None and each.entry.name == MANIFEST), None)
    if manifest is not None and manifest.entry is not None:
        content = b"".join(content_of(reader, manifest.entry))
        try:
            yield SavedDatabase(folder=name, manifest=msgspec.json.decode(content, type=SavedManifest))
        except msgspec.MsgspecError as error:
            raise VaultDamaged(
                "The manifest of the database {name} cannot be read: {reason}.",
                hint="Was it made by a newer Rebond? Then update this one.",
                name=name or component_name(folder),
                reason=str(error),
            ) from error
        return
    if not name:
        for each in items:
            if each.entry is not None and each.directory:
                yield from _find(reader, each, each.entry.name.decode(errors="surrogateescape"))


def component_name(folder: Located) -> str:
    """Return the name of the component that a folder is in."""
    return folder.component.name


def require_databases(found: tuple[SavedDatabase, ...], component: str) -> tuple[SavedDatabase, ...]:
    """Raise ``UnknownName`` when a component of databases holds none."""
    if not found:
        raise UnknownName("The component {component} holds no database that can be loaded.", component=component)
    return found
