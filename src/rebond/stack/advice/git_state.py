"""Git: what is said to be versioned has to be committed and pushed, and files of secrets must not be."""

import pwd
import shlex
from collections.abc import Iterator
from pathlib import Path

from rebond.config.components import Versioned
from rebond.stack.advice.installing import install_command
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.stack.asking import Asked, ask_program

CHECK = "git"
PATIENCE_SECONDS = 10.0
# a repository may name programs that git would run here; a check runs none of them
_QUIET = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


def check_git(scene: Scene) -> Iterator[Observation]:
    """Yield what only this machine has, of every component of the kind ``versioned``."""
    yield from _check_secrets(scene)  # first: the command of what follows adds everything
    trees = {each.path: each for each in scene.configuration.component.values() if isinstance(each, Versioned)}
    for component in trees.values():
        if component.inside or component.volume or not (scene.loaded.root / component.path).is_dir():
            continue  # what is not there is told by the check of rights
        yield from _check_tree(scene, scene.loaded.root / component.path, component.remote)


def _check_tree(scene: Scene, path: Path, remote: str) -> Iterator[Observation]:
    asked = ask_git(scene, path, "status", "--porcelain=v1", "--branch", "--untracked-files=normal")
    if not asked.is_good:
        yield _observe_no_answer(scene, path, asked)
        return
    git = _call_git(scene, path)
    is_dirty = any(not line.startswith("##") for line in asked.output.splitlines())
    push = f"{git} push --set-upstream {shlex.quote(remote)} HEAD"
    if not ask_git(scene, path, "remote", "get-url", remote).is_good:
        yield Observation(
            check=CHECK,
            code="no-remote",
            weight=Weight.WARNING,
            template="{path} has no remote {remote}: what is committed is on this machine only.",
            values={"path": str(path), "remote": remote},
            command=f"{git} remote add {shlex.quote(remote)} ADDRESS",
        )
    elif is_dirty:
        commit = f"{git} add --all && {{ {git} diff --cached --quiet || {git} commit -m 'Before a backup'; }}"
        yield Observation(
            check=CHECK,
            code="not-committed",
            weight=Weight.WARNING,
            template="{path} has changes that are not committed.",
            values={"path": str(path)},
            command=f"{commit} && {push}",
        )
    elif _is_ahead(scene, path, remote):
        yield Observation(
            check=CHECK,
            code="not-pushed",
            weight=Weight.WARNING,
            template="{path} has commits that {remote} has not.",
            values={"path": str(path), "remote": remote},
            command=push,
        )


def _observe_no_answer(scene: Scene, path: Path, asked: Asked) -> Observation:
    """Say why git has nothing to say of a tree: it is not here, or it knows no repository there."""
    if asked.status is None:
        return Observation(
            check=CHECK,
            code="git-missing",
            weight=Weight.WARNING,
            template="git is not on this machine, and {path} is said to be versioned.",
            values={"path": str(path)},
            command=install_command("git", scene.environment, is_root=scene.is_root),
        )
    git = _call_git(scene, path)
    return Observation(
        check=CHECK,
        code="no-repository",
        weight=Weight.WARNING,
        template="{path} is said to be versioned and is no repository that git may use here: {words}",
        values={"path": str(path), "words": asked.words},
        command=f"{git} init && {git} add --all && {git} commit -m 'Begin'",
    )


def _is_ahead(scene: Scene, path: Path, remote: str) -> bool:
    """Say whether HEAD is in no branch of the remote, as far as was last fetched or pushed."""
    found = ask_git(scene, path, "rev-list", "--max-count=1", "HEAD", "--not", f"--remotes={remote}")
    return not found.is_good or bool(found.output.strip())


def _check_secrets(scene: Scene) -> Iterator[Observation]:
    """A file of variables in Git has been read by whoever may read the repository."""
    root = scene.loaded.root
    if not (root / ".git").exists():
        return
    git = _call_git(scene, root)
    for name in scene.configuration.stack.env:
        path = root / name
        if not path.is_file() or not path.resolve().is_relative_to(root.resolve()):
            continue
        quoted = shlex.quote(name)
        if ask_git(scene, root, "ls-files", "--error-unmatch", "--", name).is_good:
            yield Observation(
                check=CHECK,
                code="secret-in-git",
                weight=Weight.WARNING,
                template="{path} holds secrets and is in Git. Change them: others may have them.",
                values={"path": str(path)},
                command=f"{git} rm --cached -- {quoted} && {_ignore(root, name)} && {git} add .gitignore "
                f"&& {git} commit -m 'Secrets are not in Git'",
            )
        elif ask_git(scene, root, "check-ignore", "--quiet", "--", name).status == 1:
            yield Observation(
                check=CHECK,
                code="secret-not-ignored",
                weight=Weight.WARNING,
                template="{path} holds secrets and Git does not ignore it: the next 'git add' takes it along.",
                values={"path": str(path)},
                command=_ignore(root, name),
            )


def _find_owner(scene: Scene, path: Path) -> str | None:
    """Return as whom git is to be called; ``None`` for ourselves."""
    try:
        owner = path.stat().st_uid
        return pwd.getpwuid(owner).pw_name if scene.is_root and owner != 0 else None
    except (OSError, KeyError):
        return None


def _call_git(scene: Scene, path: Path) -> str:
    """Return the words that call git by hand, as the owner of the tree: it refuses trees of others."""
    owner = _find_owner(scene, path)
    return f"{f'runuser -u {owner} -- ' if owner else ''}git -C {shlex.quote(str(path))}"


def _ignore(root: Path, name: str) -> str:
    return f"printf '/%s\\n' {shlex.quote(name)} >> {shlex.quote(str(root / '.gitignore'))}"


def ask_git(scene: Scene, path: Path, *words: str) -> Asked:
    """Ask git about a tree, as whom the tree belongs to: root runs nothing that somebody else's tree names."""
    environment = {**scene.environment, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    return ask_program(
        ("git", *_QUIET, "-C", str(path), *words),
        environment=environment,
        timeout_seconds=PATIENCE_SECONDS,
        user=_find_owner(scene, path),
    )
