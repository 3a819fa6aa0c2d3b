"""From a component of the configuration to what reads it, for the kinds that planning does not know itself."""

from collections.abc import Sequence
from typing import Protocol

from rebond.config.components import (
    Component,
    Ephemeral,
    Files,
    Images,
    Mysql,
    Postgres,
    Redis,
    Regenerable,
    Secrets,
    Sqlite,
    Versioned,
)
from rebond.config.model import Loaded
from rebond.entries import Tree
from rebond.stack.contained_databases import ContainedDatabases
from rebond.stack.contained_files import ContainedFiles
from rebond.stack.declared import ConfiguredWorkingTree, DeclaredComponent
from rebond.stack.file_trees import Report
from rebond.stack.images import ConfiguredImages
from rebond.stack.postgres import ConfiguredPostgres
from rebond.stack.secrets import ConfiguredSecrets
from rebond.stack.servers import ConfiguredMysql, ConfiguredRedis


class Source(Protocol):
    """A component that can be saved. ``root`` is where its tree begins on this machine; empty where that is nowhere."""

    @property
    def root(self) -> bytes:
        """Where its tree begins."""
        ...

    @property
    def exclusions(self) -> tuple[str, ...]:
        """The patterns by which something is left out."""
        ...

    def open_tree(self, report: Report) -> Tree:
        """Begin to read it. Raises ``SourceError``."""
        ...


def make_source(
    name: str, component: Component, loaded: Loaded, *, strategy: str = "complete", excludes: Sequence[str] = ()
) -> Source | None:
    """Return what reads a component, for all but files, databases and commands of this machine, which have theirs.

    ``None`` for a kind that cannot be saved yet. Nothing is asked or opened.
    """
    is_elsewhere = component.inside is not None or component.volume is not None
    match component:
        case Files() if is_elsewhere:
            return ContainedFiles(name, component, loaded, strategy=strategy, excludes=excludes)
        case Sqlite() if is_elsewhere:
            return ContainedDatabases(name, component, loaded)
        case Postgres():
            return ConfiguredPostgres(name, component, loaded)
        case Mysql():
            return ConfiguredMysql(name, component, loaded)
        case Redis():
            return ConfiguredRedis(name, component, loaded)
        case Secrets():
            return ConfiguredSecrets(name, component, loaded)
        case Images():
            return ConfiguredImages(name, component, loaded)
        case Versioned():
            return ConfiguredWorkingTree(name, component, loaded)
        case Regenerable() | Ephemeral():
            return DeclaredComponent(name, component, loaded)
    return None
