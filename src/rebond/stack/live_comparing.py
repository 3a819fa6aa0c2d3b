"""The live tree that a saved component is compared with: walked by the very rules of the configuration."""

from collections.abc import Callable, Sequence

from rebond.config.components import Files
from rebond.config.model import Loaded
from rebond.entries import Tree
from rebond.findings import Finding
from rebond.stack.file_trees import ConfiguredFiles
from rebond.stack.strategies import choose_strategy

Report = Callable[[Finding], None]


def find_live_tree(
    loaded: Loaded, name: str, root: bytes, class_name: str, excludes: Sequence[str], report: Report
) -> Tree | None:
    """Return what the component is now; ``None`` where it has no files here, or was saved from another place.

    ``root`` is where its tree began when it was saved, ``class_name`` by which class; ``excludes`` are left out besides
    what the configuration leaves out. Raises ``SourceError`` when nothing is there any more.
    """
    component = loaded.configuration.component.get(name)
    if not isinstance(component, Files) or component.inside is not None or component.volume is not None:
        return None
    strategy = choose_strategy(component, loaded.configuration.classes.get(class_name))
    files = ConfiguredFiles(name, component, stack_root=loaded.root, strategy=strategy, excludes=excludes)
    return files.open_tree(report) if files.root == root else None
