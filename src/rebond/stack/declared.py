"""Components of which nothing is saved: what lies in Git, what can be made again, what may be lost.

The snapshot holds one small document of each, so that whoever restores it knows how it comes back.
"""

import json
import os
import pwd
from collections.abc import Sequence

from rebond.clock import SystemClock
from rebond.config.components import Component, Ephemeral, Regenerable, Versioned
from rebond.config.model import Loaded
from rebond.entries import Tree
from rebond.errors import CommandFailed, SourceUnfit
from rebond.sources.documents.tree import Document, FolderTree
from rebond.sources.versioned.git import GIT, judge_working_tree, look_at_working_tree
from rebond.stack.file_trees import Report
from rebond.stack.wanted_inside import place_below
from rebond.stack.whereabouts import Place, find_folder, words_of


class ConfiguredWorkingTree:
    """One component: ``git.json`` says the commit, and a warning what a clone would not bring back."""

    root = b""
    exclusions: tuple[str, ...] = ()

    def __init__(self, name: str, component: Versioned, loaded: Loaded) -> None:
        self._name = name
        self._component = component
        self._loaded = loaded

    def open_tree(self, report: Report) -> Tree:
        """Ask git. Raises ``SourceError``; what is not committed or not pushed is reported."""
        component = self._component
        place, folder = find_folder(component, self._loaded)
        path = os.fsdecode(place_below(folder, os.fsencode(component.path)))
        if place.address is None:
            path = os.path.normpath(os.path.join(self._loaded.root, path))
            place = Place(loaded=self._loaded, user=_owner_of(path))

        def ask(words: Sequence[str]) -> bytes:
            return place.ask([*GIT, "-C", path, *words])

        try:
            tree = look_at_working_tree(ask, component.remote)
        except CommandFailed as error:
            if "not a git repository" not in error.message:
                raise
            raise SourceUnfit(
                "{path} is said to be versioned, and is no Git repository.",
                hint="Begin one there with 'git init' and commit, or save it as a component of the kind files.",
                path=path,
            ) from error
        judge_working_tree(tree, self._name, path, report)
        return _one_document(b"git.json", tree.write(path))


class DeclaredComponent:
    """One component of kind ``regenerable`` or ``ephemeral``: ``declared.json`` says how it comes back."""

    root = b""
    exclusions: tuple[str, ...] = ()

    def __init__(self, name: str, component: Regenerable | Ephemeral, loaded: Loaded) -> None:
        self._name = name
        self._component = component
        self._loaded = loaded

    def open_tree(self, _report: Report) -> Tree:
        """Return the tree; nothing is asked and nothing is run."""
        component = self._component
        known: dict[str, object] = {"component": self._name, "kind": component.kind, "saved": False}
        known |= _describe_return(component, self._loaded)
        return _one_document(b"declared.json", json.dumps(known, indent=2, sort_keys=True).encode() + b"\n")


def _describe_return(component: Component, loaded: Loaded) -> dict[str, object]:
    known: dict[str, object] = {}
    if isinstance(component, Regenerable):
        known["comes_back_by"] = component.run if isinstance(component.run, str) else list(component.run)
        known["user"] = words_of(component.user, loaded)
        known["timeout_seconds"] = component.timeout
    elif component.rebuild:
        known["comes_back_by"] = component.rebuild
    else:
        known["comes_back_by"] = ""
    if component.inside is not None:
        known["in"] = f"{component.inside.engine}:{component.inside.name}"
    if component.volume is not None:
        known["volume"] = words_of(component.volume, loaded)
    return known


def _one_document(name: bytes, content: bytes) -> Tree:
    return FolderTree({name: Document(content=content, modified_ns=SystemClock().now_ms() * 1_000_000)})


def _owner_of(path: str) -> str:
    """Return who owns a directory, for root to ask git as them: git refuses strangers, and runs what its files say."""
    if os.geteuid() != 0:
        return ""
    try:
        return pwd.getpwuid(os.stat(path).st_uid).pw_name
    except (OSError, KeyError):
        return ""  # then git itself says what is wrong
