"""What ``gpg`` and ``openssl`` encrypted with a password, as a stream of what is in it."""

import contextlib
import os
import shutil
from collections.abc import Iterator

from rebond.archives.encrypting import PBKDF2_ROUNDS
from rebond.errors import MissingExtra
from rebond.private_folders import PrivateFolder
from rebond.secret import Secret
from rebond.subprocesses import RunningCommand

_PASSWORD = "REBOND_EXPORT_PASSWORD_HANDED_ON"  # noqa: S105 - the name of a variable
_GPG = ("gpg", "--batch", "--no-tty", "--pinentry-mode", "loopback", "--passphrase-fd", "0", "--output", "-")
_OPENSSL = ("openssl", "enc", "-d", "-aes-256-cbc", "-pass", f"env:{_PASSWORD}")
WAYS = {
    "gpg": (_GPG,),
    "openssl": (
        (*_OPENSSL, "-pbkdf2", "-iter", str(PBKDF2_ROUNDS), "-md", "sha256"),
        (*_OPENSSL, "-pbkdf2"),
        _OPENSSL,  # as 'openssl enc -aes-256-cbc -salt' makes it, without a derivation worth the name
    ),
}
"""How each program may have been called; which it was shows only by what comes out."""


class Decrypted:
    """What comes out of a program that decrypts a file. ``finish`` judges how that ended."""

    def __init__(self, program: RunningCommand) -> None:
        self._program = program
        self.read_bytes = 0

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        block = bytearray(size)
        count = self._program.readinto(memoryview(block))
        self.read_bytes += count
        return bytes(block[:count])

    def finish(self) -> bool:
        """Say whether the program ended well: to be asked after the last byte."""
        return self._program.wait() == 0


@contextlib.contextmanager
def decrypted(path: str, way: tuple[str, ...], password: Secret) -> Iterator[Decrypted]:
    """Give what is in an encrypted file. Raises ``MissingExtra`` where the program is not installed."""
    program = way[0]
    if shutil.which(program) is None:
        raise MissingExtra("{program} is not installed here.", hint="apt-get install {program}", program=program)
    is_fed = program == "gpg"
    where = ("--decrypt", "--", os.path.abspath(path)) if is_fed else ("-in", os.path.abspath(path))
    with PrivateFolder("gpg") as home:
        environment = {**os.environ, "GNUPGHOME": str(home)}
        if not is_fed:
            environment[_PASSWORD] = os.fsdecode(password.reveal())
        running = RunningCommand(
            (*way, *where), environment=environment, given=Secret(password.reveal() + b"\n" if is_fed else b"")
        )
        try:
            yield Decrypted(running)
        finally:
            running.end()
