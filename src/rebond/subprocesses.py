"""The one door to other programs."""

import subprocess
from collections.abc import Mapping, Sequence

from rebond.errors import CommandFailed
from rebond.secret import Secret


def run_for_secret(command: str, *, environment: Mapping[str, str], timeout_seconds: float = 120) -> Secret:
    """Run a shell command and return the first line that it prints, as a secret.

    Standard error and the terminal stay its own, so that it can ask. Raises ``CommandFailed`` when it
    cannot start, fails, takes too long or prints nothing; what it printed is in no message.
    """
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env=dict(environment),
            stdout=subprocess.PIPE,
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CommandFailed(
            "The command for the passphrase took longer than {seconds} s.",
            hint="Run it by hand to see what it waits for: {command}",
            seconds=round(timeout_seconds),
            command=command,
        ) from None
    if done.returncode != 0:
        raise CommandFailed(
            "The command for the passphrase failed with status {status}.",
            hint="Run it by hand to see why: {command}",
            status=done.returncode,
            command=command,
        )
    lines: Sequence[bytes] = done.stdout.splitlines()
    if not lines or not lines[0]:
        raise CommandFailed(
            "The command for the passphrase printed nothing.",
            hint="It has to print the passphrase on its first line: {command}",
            command=command,
        )
    return Secret(lines[0])
