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
from rebond.stack.file_trees import Report


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
            from rebond.stack.contained_files import ContainedFiles  # noqa: PLC0415 - what reads one kind is loaded where a stack has it

            return ContainedFiles(name, component, loaded, strategy=strategy, excludes=excludes)
        case Sqlite() if is_elsewhere:
            from rebond.stack.contained_databases import ContainedDatabases  # noqa: PLC0415 - likewise

            return ContainedDatabases(name, component, loaded)
        case Postgres():
            from rebond.stack.postgres import ConfiguredPostgres  # noqa: PLC0415 - likewise

            return ConfiguredPostgres(name, component, loaded)
        case Mysql():
            from rebond.stack.servers import ConfiguredMysql  # noqa: PLC0415 - likewise

            return ConfiguredMysql(name, component, loaded)
        case Redis():
            from rebond.stack.servers import ConfiguredRedis  # noqa: PLC0415 - likewise

            return ConfiguredRedis(name, component, loaded)
        case Secrets():
            from rebond.stack.secrets import ConfiguredSecrets  # noqa: PLC0415 - likewise

            return ConfiguredSecrets(name, component, loaded)
        case Images():
            from rebond.stack.images import ConfiguredImages  # noqa: PLC0415 - likewise

            return ConfiguredImages(name, component, loaded)
        case Versioned():
            from rebond.stack.declared import ConfiguredWorkingTree  # noqa: PLC0415 - likewise

            return ConfiguredWorkingTree(name, component, loaded)
        case Regenerable() | Ephemeral():
            from rebond.stack.declared import DeclaredComponent  # noqa: PLC0415 - likewise

            return DeclaredComponent(name, component, loaded)
    return None
