"""What a compose file says of a stack, as far as it matters for backups."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rebond.stack.discovery.interpolation import VariableReference
from rebond.stack.discovery.remarks import Remark


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable of a container. ``text`` is its value here, never to be written; ``reference`` where it is from."""

    text: str = field(repr=False)
    reference: VariableReference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Something mounted in a container. ``source`` is a volume's name in compose, or an absolute path here."""

    is_volume: bool
    source: str
    target: str
    is_read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service. ``is_active`` says whether ``docker compose up`` would start it, by its profiles."""

    name: str
    image: str = ""
    is_built: bool = False
    words: tuple[str, ...] = ()  # what it is started with instead of what its image says
    is_active: bool = True
    profiles: tuple[str, ...] = ()
    variables: Mapping[str, Variable] = field(default_factory=dict)
    env_files: tuple[Path, ...] = ()
    secret_files: Mapping[str, Path] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def image_name(self) -> str:
        """The last part of the image's name, without registry, tag and digest: ``postgres`` of ``x/postgres:15``."""
        return self.image.partition("@")[0].rpartition("/")[2].partition(":")[0].lower()

    def text_of(self, name: str) -> str:
        """Return the value of a variable; empty where it has none."""
        found = self.variables.get(name)
        return found.text if found else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeStack:
    """All files together. ``volumes`` are the named ones that are declared."""

    files: tuple[Path, ...]
    directory: Path
    services: Mapping[str, Service] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()
