"""What a planted bug is: small replacements in the product, and the tests that must notice."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """One replacement. ``file`` is below ``src/rebond``."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Bug:
    """A bug that is put back. ``judges`` are what pytest is given."""

    name: str
    story: str
    changes: tuple[Change, ...]
    judges: tuple[str, ...]
