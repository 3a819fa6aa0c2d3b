"""Asking the programs that take a calendar over: git, systemctl, crontab."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rebond.errors import RebondError
from rebond.subprocesses import RunningCommand

_SECONDS = 120.0
_RUNTIME = "/run/user"  # a folder for each user whose manager runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a program said."""

    status: int
    output: str
    words: str


def reaching_own_manager(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return an environment by which ``systemctl --user`` reaches this user's manager, where that runs.

    A login says where it listens; ``sudo -u`` and ``su`` without one do not.
    """
    if environment.get("XDG_RUNTIME_DIR"):
        return environment
    bare = {name: value for name, value in environment.items() if name != "XDG_RUNTIME_DIR"}
    folder = f"{_RUNTIME}/{os.geteuid()}"
    return {**bare, "XDG_RUNTIME_DIR": folder} if os.path.isdir(folder) else bare


def ask_program(arguments: Sequence[str], environment: Mapping[str, str]) -> Answered:
    """Run a program to its end. Raises ``CommandFailed`` when it cannot be started."""
    running = RunningCommand(arguments, environment=environment)
    running.end_after(_SECONDS)
    try:
        output, block = b"", memoryview(bytearray(65_536))
        while count := running.readinto(block):
            output += block[:count]
        status = running.wait()
        return Answered(status=status, output=output.decode("utf-8", "surrogateescape"), words=running.last_words())
    finally:
        running.end()


def run_program(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return what a program wrote. Raises ``RebondError`` when it fails."""
    answered = ask_program(arguments, environment)
    if answered.status != 0:
        raise RebondError(
            "{command} failed with status {status}: {words}",
            hint="Run it by hand to see why.",
            command=" ".join(arguments),
            status=answered.status,
            words=answered.words,
        )
    return answered.output
