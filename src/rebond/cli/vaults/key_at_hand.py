"""Where a secret comes from: the environment in its order, then a prompt. Never an argument."""

import getpass
import sys
from pathlib import Path

from rebond.cli.configuration.vault_found import Configured
from rebond.cli.invocation import Invocation
from rebond.cli.output.drawn import resting
from rebond.cli.output.speech import tr
from rebond.errors import Refused, UsageError, WrongKey
from rebond.logs.masking import remember_secret
from rebond.secret import Secret
from rebond.subprocesses import run_for_secret
from rebond.vault.member_files import (
    MEMBER_FILE_LIMIT_BYTES,
    MemberFileSecret,
    looks_like_member_file,
    read_member_file,
)
from rebond.vault.slots import (
    SlotSecret,
    key_file_secret,
    new_passphrase_secret,
    passphrase_secret,
    secret_from_text,
)

SILENT = Configured(address="")


def find_key(invocation: Invocation, configured: Configured = SILENT) -> SlotSecret | MemberFileSecret:
    """Return what opens the vault: ``REBOND_KEY_FILE``, else a passphrase or recovery key, else the configuration's.

    Raises ``WrongKey`` when there is none and nobody to ask, ``ConfigError`` when the configuration's is not there.
    """
    path = invocation.environment.get("REBOND_KEY_FILE")
    given = find_passphrase(invocation)
    if path:
        content = read_file(Path(path))
    elif given is not None:
        return secret_from_text(_text(given))
    elif (key := configured.find_key()) is not None:
        content = key.reveal()
    else:
        return secret_from_text(_text(configured.find_passphrase() or ask(tr("Passphrase or recovery key: "))))
    if not looks_like_member_file(content):
        return key_file_secret(content)
    passphrase = given or configured.find_passphrase()
    if passphrase is None and _is_protected(content):
        passphrase = ask(tr("Passphrase of the key file: "))
    return MemberFileSecret(content=content, passphrase=passphrase_secret(_text(passphrase)) if passphrase else None)


def find_new_passphrase(invocation: Invocation, configured: Configured = SILENT) -> SlotSecret:
    """Return a passphrase for something new; a typed one is typed twice. Raises ``Refused`` when they differ."""
    given = find_passphrase(invocation) or configured.find_passphrase()
    if given is None and not sys.stdin.isatty():
        raise WrongKey(
            "No secret was given for what is to be made, and there is no terminal to ask on.",
            hint="Set REBOND_PASSPHRASE, REBOND_PASSPHRASE_FILE or REBOND_PASSPHRASE_COMMAND; or let a key file be "
            "made in place of a passphrase: --key-file FILE.",
        )
    if given is None:
        given = ask(tr("New passphrase: "))
        if ask(tr("The same again: ")) != given:
            raise Refused("The two passphrases differ.", hint="Run the same command again. Nothing was made.")
    return new_passphrase_secret(_text(given))


def find_passphrase(invocation: Invocation) -> Secret | None:
    """Return the passphrase that the environment holds or leads to; ``None`` when it says nothing."""
    environment = invocation.environment
    if (text := environment.get("REBOND_PASSPHRASE")) is not None:
        return remember_secret(Secret(text.encode("utf-8", "surrogateescape")))
    if path := environment.get("REBOND_PASSPHRASE_FILE"):
        return remember_secret(Secret(read_file(Path(path)).split(b"\n", 1)[0].removesuffix(b"\r")))
    if command := environment.get("REBOND_PASSPHRASE_COMMAND"):
        return remember_secret(run_for_secret(command, environment=environment))
    return None


def ask(question: str) -> Secret:
    """Ask on the terminal, without showing what is typed. Raises ``WrongKey`` where there is none."""
    if not sys.stdin.isatty():
        raise WrongKey(
            "No secret was given, and there is no terminal to ask on.",
            hint="Set REBOND_KEY_FILE, REBOND_PASSPHRASE, REBOND_PASSPHRASE_FILE or REBOND_PASSPHRASE_COMMAND.",
        )
    with resting():  # a bar would be drawn over the question: nobody would know that one waits
        return remember_secret(Secret(getpass.getpass(question)))


def read_file(path: Path) -> bytes:
    """Read a small file that holds a secret. Raises ``UsageError``."""
    try:
        with path.open("rb") as file:
            return file.read(MEMBER_FILE_LIMIT_BYTES + 1)
    except OSError as error:
        raise UsageError(
            "The secret's file {path} cannot be read: {reason}.",
            hint="Check REBOND_KEY_FILE and REBOND_PASSPHRASE_FILE.",
            path=str(path),
            reason=error.strerror or str(error),
        ) from None


def _is_protected(content: bytes) -> bool:
    """Say whether a member file asks for a passphrase."""
    try:
        read_member_file(content)
    except WrongKey:
        return True
    return False


def _text(secret: Secret) -> str:
    return secret.reveal().decode("utf-8", "surrogateescape")
