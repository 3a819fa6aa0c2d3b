"""The repositories whose commits call for a run, and their hooks."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rebond.config.model import Loaded
from rebond.errors import UsageError
from rebond.presence import is_taken
from rebond.schedule.git_hooks import HOOKS, Repository, is_hook_of, name_kept, write_hook
from rebond.schedule.handing_over import HandedOver
from rebond.schedule.installing import FileToWrite, Installation, read_origin, refuse
from rebond.schedule.observing import list_folders, list_folders_of
from rebond.schedule.outside_programs import ask_program
from rebond.schedule.written_files import Origin


def list_commit_classes(loaded: Loaded) -> list[str]:
    """Return the classes that wait for commits."""
    return [name for name, each in loaded.configuration.classes.items() if each.trigger == "commit"]


def find_repositories(loaded: Loaded, environment: Mapping[str, str]) -> dict[Path, tuple[Repository, list[str]]]:
    """Return the repositories of the classes that wait for commits, by their hooks, each with its classes.

    Raises ``UsageError`` when no class waits for commits, or none of its components lies in a repository.
    """
    classes = list_commit_classes(loaded)
    if not classes:
        raise UsageError(
            "No class of the configuration waits for commits.", hint='Add trigger = "commit" to a class, such as code.'
        )
    found: dict[Path, tuple[Repository, list[str]]] = {}
    for class_name in classes:
        for folder in list_folders(loaded, class_name):
            repository = look_at_repository(folder, environment)
            if repository is not None:
                members = found.setdefault(repository.hooks, (repository, []))[1]
                members += [class_name] if class_name not in members else []
    if not found:
        raise UsageError(
            "Nothing that the classes {classes} save lies in a repository of Git.",
            hint="Run 'git init' there, or save it by a schedule.",
            classes=", ".join(classes),
        )
    return found


def find_hooks_folders(loaded: Loaded, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return where the hooks of a stack may be, whatever its classes wait for by now: of its root, of each component.

    Raises ``CommandFailed`` where there is no git.
    """
    folders = (str(loaded.root), *list_folders_of(loaded, loaded.configuration.component.values()))
    found = (look_at_repository(each, environment) for each in dict.fromkeys(folders))
    return tuple(dict.fromkeys(each.hooks for each in found if each is not None))


def look_at_repository(folder: str, environment: Mapping[str, str]) -> Repository | None:
    """Return the repository that a folder lies in. Raises ``CommandFailed`` where there is no git."""
    ask = ("rev-parse", "--path-format=absolute", "--git-path", "hooks", "--git-common-dir", "--git-dir")
    bare = {name: value for name, value in environment.items() if not name.startswith("GIT_")}
    answered = ask_program(("git", "-C", folder, *ask), bare)
    if answered.status != 0:
        return None
    hooks, common, own = (Path(os.path.realpath(each)) for each in answered.output.splitlines()[:3])
    top = ask_program(("git", "-C", folder, "rev-parse", "--show-toplevel"), bare)
    is_shared = not hooks.is_relative_to(common)
    return Repository(
        hooks=hooks, top=Path(os.path.realpath(top.output.strip())) if top.status == 0 else own, is_shared=is_shared
    )


def plan_hooks(found: Mapping[Path, tuple[Repository, Sequence[str]]], handed: HandedOver) -> Installation:
    """Plan the hooks; one that is there already goes on under another name. Raises ``Refused`` for a changed one."""
    written = []
    for hooks, (repository, classes) in found.items():
        for hook in HOOKS:
            path, text = hooks / hook, write_hook(hook, repository, handed, classes)
            origin = read_origin(path)
            if origin is Origin.CHANGED:
                raise refuse(path, origin)
            if origin is Origin.OURS and path.read_text(encoding="utf-8", errors="surrogateescape") == text:
                continue
            keep_as = _free_name(hooks / name_kept(hook)) if origin is Origin.FOREIGN else None
            written.append(FileToWrite(path=path, text=text, mode=0o755, keep_as=keep_as))
    return Installation(written=tuple(written))


def _free_name(kept: Path) -> Path:
    """Return the name itself. Raises ``Refused`` when an older hook lies there: one of the two is to be chosen."""
    if is_taken(kept):
        raise refuse(kept, Origin.FOREIGN)
    return kept


def plan_hooks_away(folders: Iterable[Path], handed: HandedOver) -> Installation:
    """Plan to remove the hooks of a stack, and to give those that were there before their name back.

    Hooks of other stacks stay. Raises ``Refused`` for one that was changed by hand.
    """
    gone, put_back = [], []
    for path, kept in ((hooks / each, hooks / name_kept(each)) for hooks in folders for each in HOOKS):
        origin = read_origin(path)
        if origin not in {Origin.OURS, Origin.CHANGED} or not is_hook_of(
            path.read_text(errors="surrogateescape"), handed
        ):
            continue
        if origin is Origin.CHANGED:
            raise refuse(path, origin)
        if is_taken(kept):
            put_back.append((kept, path))
        else:
            gone.append(path)
    return Installation(gone=tuple(gone), put_back=tuple(put_back))
