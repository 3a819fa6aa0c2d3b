"""The hook of Git: it leaves a file that calls for a run, starts one where no service does, and is gone.

A commit never waits for a backup and never fails by one: not when the vault is away, when Rebond was uninstalled, or
when the disk is full.
"""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rebond.schedule.calling import calls_folder
from rebond.schedule.handing_over import HandedOver
from rebond.schedule.stack_folders import SERVE_LOCK
from rebond.schedule.written_files import sign_text

HOOKS = ("post-commit", "post-merge", "post-rewrite", "post-receive")
KEPT = "before-rebond"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """Where a repository has its hooks. ``is_shared`` says that other repositories use the same."""

    hooks: Path
    top: Path
    is_shared: bool


def name_kept(hook: str) -> str:
    """Return the name under which a hook that was there before goes on."""
    return f"{hook}.{KEPT}"


def is_hook_of(text: str, handed: HandedOver) -> bool:
    """Say whether a hook that Rebond wrote is this stack's, be it under a name that the stack had before."""
    return _say_whose(handed.stack) in text.splitlines() or _say_program(handed) in text


def _say_program(handed: HandedOver) -> str:
    return " " + shlex.join(["--config", handed.configuration, "--quiet", "backup", "--scheduled"])


def _say_whose(stack: str) -> str:
    return f"# Written by 'rebond schedule install --git-hook' for {stack}. It never fails and waits for nothing."


def write_hook(hook: str, repository: Repository, handed: HandedOver, classes: Sequence[str]) -> str:
    """Return the script of one hook."""
    calls = " ".join(shlex.quote(os.fspath(calls_folder(handed.folder, each))) for each in classes)
    lock = shlex.quote(os.fspath(handed.folder / SERVE_LOCK))
    starter = shlex.quote(os.fspath(handed.folder / "hook.lock"))
    program = shlex.join(handed.program) + _say_program(handed)
    names = " ".join(map(shlex.quote, classes))
    settings = "".join(f"export {name}={shlex.quote(value)}\n    " for name, value in sorted(handed.variables.items()))
    guard = f'case "$(pwd -P)/" in {shlex.quote(os.fspath(repository.top))}/*) ;; *) exit "$status" ;; esac\n'
    return sign_text(
        "#!/bin/sh\n"
        f"{_say_whose(handed.stack)}\n"
        f"kept=${{0%/*}}/{name_kept(hook)}\n"
        "status=0\n"
        'if [ -x "$kept" ]; then "$kept" "$@"; status=$?; fi\n'
        f"{guard if repository.is_shared else ''}"
        f"(umask 077; for calls in {calls}; do\n"
        '    [ -d "$calls" ] || mkdir -p "$calls"\n'
        f'    echo {hook} > "$calls/{hook}.$$"\n'
        "done) < /dev/null > /dev/null 2>&1\n"
        # From here on nobody waits. Where the service holds its lock, it has seen the file.
        "(\n"
        "    trap '' HUP\n"
        f"    [ -x {shlex.quote(handed.program[0])} ] || exit 0\n"
        "    unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_PREFIX GIT_COMMON_DIR GIT_OBJECT_DIRECTORY\n"
        "    unset GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_QUARANTINE_PATH\n"
        "    if command -v flock; then\n"
        f"        [ ! -e {lock} ] || flock -n {lock} true || exit 0\n"
        f"        flock -n {starter} sleep 2 || exit 0\n"
        "    else\n"
        "        sleep 2\n"
        "    fi\n"
        f"    {settings}"
        "for pause in 0 60 600; do\n"
        "        sleep $pause; failed=no\n"
        f'        for class in {names}; do nice -n 10 {program} --class "$class" || failed=yes; done\n'
        '        [ "$failed" = no ] && exit 0\n'
        "    done\n"
        ") < /dev/null > /dev/null 2>&1 &\n"
        'exit "$status"\n'
    )
