"""Secrets that a component of files takes in too: they lie where its files lie, whoever may read those."""

import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from rebond.config.components import Files, Secrets
from rebond.errors import SourceError
from rebond.schedule.watched_paths import WatchedPath
from rebond.sources.files.explaining import explain
from rebond.stack.advice.lines import open_editor, read_nodes
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.stack.file_trees import ConfiguredFiles
from rebond.stack.places_of_others import list_paths
from rebond.stack.strategies import choose_strategy

CHECK = "configuration"


def check_saved_twice(scene: Scene) -> Iterator[Observation]:
    """Yield, for each pair of components of this machine, the first secret that both save."""
    members = scene.configuration.component
    for name, secrets in members.items():
        if not isinstance(secrets, Secrets) or secrets.inside is not None or secrets.volume is not None:
            continue
        for other, files in members.items():
            if isinstance(files, Files) and files.inside is None and files.volume is None:
                found = _find_shared(scene, secrets, other, files)
                if found:
                    yield _tell(scene, name, secrets, other, files, found)


def _find_shared(scene: Scene, secrets: Secrets, name: str, files: Files) -> list[str]:
    """Return the paths of secrets that a component of files saves, from its root on."""
    walk = ConfiguredFiles(name, files, stack_root=scene.loaded.root, strategy=choose_strategy(files, None))
    start = walk.root.rstrip(b"/") + b"/"
    shared = []
    for path in _list_files(scene.loaded.root, secrets):
        if path.startswith(start):
            try:
                verdict = explain(
                    walk.root,
                    path.removeprefix(start),
                    walk.make_rules(lambda _: None),
                    one_file_system=walk.one_file_system,
                )
            except SourceError:
                continue  # it is told by who reads it
            if verdict.is_saved:
                shared.append(os.fsdecode(path.removeprefix(start)))
    return shared


def _list_files(root: Path, secrets: Secrets) -> Iterator[bytes]:
    for each in list_paths(secrets):
        yield from (os.fsencode(os.path.normpath(path)) for path in WatchedPath(str(root), each).find())


def _tell(scene: Scene, name: str, secrets: Secrets, other: str, files: Files, shared: list[str]) -> Observation:
    is_apart = secrets.vault != files.vault
    return Observation(
        check=CHECK,
        code="secret-saved-twice",
        weight=Weight.WARNING if is_apart else Weight.NOTE,
        template="{paths} of {secrets}, which is kept in a vault of its own, is saved with the files of {files} too: "
        "who may read that vault has it."
        if is_apart
        else "{paths} of {secrets} is saved with the files of {files} too; 'omit' under component.{files} leaves it "
        "to {secrets}.",
        values={"paths": ", ".join(shared[:5]), "secrets": name, "files": other},
        command=_omit(scene, other, files, shared) if is_apart else "",
    )


def _omit(scene: Scene, name: str, files: Files, shared: list[str]) -> str:
    """Return the command that leaves them out there."""
    node = read_nodes(scene.path).find("component", name)
    if files.omit or not node.place.line:
        return open_editor(node)
    line = f"{node.place.line}a omit = {json.dumps(['/' + each for each in shared])}"
    return shlex.join(["sed", "-i", line, node.place.file])
