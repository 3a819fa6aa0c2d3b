"""With what an export is encrypted: never an argument."""

import getpass
import sys
from pathlib import Path

from rebond.cli.invocation import Invocation
from rebond.cli.output.speech import tr
from rebond.cli.vaults.key_at_hand import read_file
from rebond.errors import Refused, UsageError
from rebond.logs.masking import remember_secret
from rebond.secret import Secret
from rebond.subprocesses import run_for_secret


def find_export_password(invocation: Invocation) -> Secret:
    """Return what the environment says or leads to, else what is typed, twice. Raises ``UsageError``, ``Refused``."""
    if (found := _look_up(invocation)) is not None:
        return found
    if not sys.stdin.isatty():
        raise UsageError(
            "There is no password to encrypt with.",
            hint="Set REBOND_EXPORT_PASSWORD_FILE to a file with it; under a class: password = {example}.",
            example='{ file = "…" }',
        )
    typed = getpass.getpass(tr("Password of the export: "))
    if not typed or getpass.getpass(tr("The same again: ")) != typed:
        raise Refused("The two passwords differ.", hint="Run the same command again. Nothing was written.")
    return remember_secret(Secret(typed))


def find_opening_password(invocation: Invocation, *, asks: bool) -> Secret | None:
    """Return what the environment says or leads to, else what is typed where that is allowed, else nothing."""
    if (found := _look_up(invocation)) is not None:
        return found
    typed = getpass.getpass(tr("Password of the file: ")) if asks else ""
    return remember_secret(Secret(typed.encode("utf-8", "surrogateescape"))) if typed else None


def _look_up(invocation: Invocation) -> Secret | None:
    """Return what the environment says or leads to. Raises ``UsageError``, ``CommandFailed``."""
    environment = invocation.environment
    if text := environment.get("REBOND_EXPORT_PASSWORD"):
        return remember_secret(Secret(text.encode("utf-8", "surrogateescape")))
    if path := environment.get("REBOND_EXPORT_PASSWORD_FILE"):
        return remember_secret(Secret(read_file(Path(path)).split(b"\n", 1)[0].removesuffix(b"\r")))
    if command := environment.get("REBOND_EXPORT_PASSWORD_COMMAND"):
        return remember_secret(run_for_secret(command, environment=environment))
    return None
