"""What is proposed to be written: parts of a configuration, each with the reason why it is there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rebond.stack.discovery.remarks import Remark

_NOT_SAVED = ("ephemeral", "regenerable", "versioned")
Lines = Mapping[str, object]  # text, numbers, truths, lists and tables: what TOML has


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedPart:
    """A table of the configuration. One that is not active is written as a comment."""

    heading: str
    lines: Lines
    remarks: tuple[Remark, ...] = ()
    is_active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A whole configuration: ``parts`` are in the order in which they are written."""

    stack: ProposedPart
    components: tuple[ProposedPart, ...] = ()
    classes: tuple[ProposedPart, ...] = ()
    remarks: tuple[Remark, ...] = ()
    backup_directory: str = field(default="")  # what BACKUP_DIR asks for; relative to the stack's directory

    @property
    def written_names(self) -> tuple[str, ...]:
        """The names of the components that are written as such, and not as comments."""
        return tuple(each.heading.partition(".")[2] for each in self.components if each.is_active)

    @property
    def active_names(self) -> tuple[str, ...]:
        """The names of the components that are written, and of which something is saved."""
        return self._names(is_saved=True)

    @property
    def passing_names(self) -> tuple[str, ...]:
        """The names of the components that are written so that it is known that nothing of them is saved."""
        return self._names(is_saved=False)

    def _names(self, *, is_saved: bool) -> tuple[str, ...]:
        active = [each for each in self.components if each.is_active]
        kept = [each for each in active if (each.lines["kind"] not in _NOT_SAVED) is is_saved]
        return tuple(each.heading.partition(".")[2] for each in kept)


def from_variable(name: str, default: str | None = None) -> dict[str, str]:
    """Return the reference to a variable."""
    return {"env": name} if default is None else {"env": name, "default": default}
