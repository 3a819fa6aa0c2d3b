"""Where each component is put in a drill: as it lies in the stack, as far as it lies there at all."""

import os
from pathlib import Path

from msgspec import Struct

from rebond.config.components import Component, Files, Secrets, Sqlite
from rebond.config.model import Loaded
from rebond.stack.wanted_paths import want
from rebond.vault.snapshots import PrivateComponent

ROOT, APART = "root", "components"


class Layout(Struct, frozen=True, kw_only=True):
    """Folders of one drill: ``root`` stands for the stack's root, ``apart`` holds what lies elsewhere."""

    folder: Path
    stack_root: Path | None = None

    @property
    def root(self) -> Path:
        """What stands for the stack's root."""
        return self.folder / ROOT

    def place(self, stored: PrivateComponent, component: Component | None, *, is_file: bool = False) -> Path:
        """Return where the tree of a component begins: that of one file (``is_file``) in the folder above it."""
        below = self._find_below(stored, component)
        if below is None:
            return self.folder / APART / stored.name
        return self.root / (os.path.dirname(below) if is_file else below)

    def _find_below(self, stored: PrivateComponent, component: Component | None) -> str | None:
        """Return the place of a tree below the stack's root; ``None`` for one that is elsewhere."""
        if self.stack_root is None or component is None or component.inside or component.volume:
            return None
        top = os.path.normpath(os.fsencode(self.stack_root))
        if isinstance(component, Files):
            return _relative(os.path.normpath(stored.root), top) if stored.root else None
        if isinstance(component, Secrets | Sqlite):
            paths = (*((component.path,) if component.path else ()), *component.paths)
            wanted = [want(top, os.fsencode(each)) for each in paths]
            if not wanted or (isinstance(component, Secrets) and (component.kubernetes or component.hashicorp)):
                return None
            if isinstance(component, Sqlite) and len(wanted) == 1 and not wanted[0].is_pattern:
                return _relative(os.path.dirname(wanted[0].fixed), top)
            return "" if all(each.is_below(top) or each.fixed == top for each in wanted) else None
        return None


def _relative(path: bytes, top: bytes) -> str | None:
    if path == top:
        return ""
    return os.fsdecode(path[len(top) + 1 :]) if path.startswith(os.path.join(top, b"")) else None


def root_of(loaded: Loaded | None) -> Path | None:
    """Return the stack's root as the snapshot knew it; ``None`` without a configuration."""
    return loaded.root if loaded is not None else None
