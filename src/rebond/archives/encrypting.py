"""Encryption by programs that everybody has, ``gpg`` and ``openssl``. No password is among their arguments."""

import contextlib
import io
import os
import shutil
import threading
from collections.abc import Iterator
from typing import BinaryIO, cast

from rebond.archives.deflating import Piece
from rebond.errors import CommandFailed, UsageError
from rebond.private_folders import PrivateFolder
from rebond.secret import Secret
from rebond.subprocesses import RunningCommand

PBKDF2_ROUNDS = 600_000  # 'openssl enc -d' has to be told the same
_PASSWORD = "REBOND_EXPORT_PASSWORD_HANDED_ON"  # noqa: S105 - the name of a variable
_BLOCK_BYTES = 1 << 18
_PATIENCE_SECONDS = 600.0
_WORDS = {
    "gpg": (
        *("gpg", "--batch", "--no-tty", "--pinentry-mode", "loopback", "--passphrase-fd", "0", "--symmetric"),
        *("--cipher-algo", "AES256", "--s2k-digest-algo", "SHA512", "--s2k-count", "65011712"),
        *("--compress-algo", "none", "--output", "-"),
    ),
    "openssl": (
        *("openssl", "enc", "-aes-256-cbc", "-pbkdf2", "-iter", str(PBKDF2_ROUNDS), "-md", "sha256", "-salt"),
        *("-pass", f"env:{_PASSWORD}"),
    ),
}


@contextlib.contextmanager
def encrypted_sink(sink: BinaryIO, method: str, password: Secret) -> Iterator[BinaryIO]:
    """Give a sink whose content arrives encrypted; its end comes when this is left well.

    Raises ``UsageError`` where the program is not installed or the password is of several lines, ``CommandFailed``
    when it fails, ``OSError`` of the sink.
    """
    program = _WORDS[method][0]
    if shutil.which(program) is None:
        raise UsageError("{program} is not installed here.", hint="apt-get install {program}", program=program)
    if b"\n" in password.reveal() or b"\0" in password.reveal():
        raise UsageError("A password is one line.", hint="Check what REBOND_EXPORT_PASSWORD and its like lead to.")
    with PrivateFolder("gpg") as home:
        packed = _ProgramSink(sink, method, password, str(home))
        try:
            yield cast(BinaryIO, packed)
            packed.finish()
        finally:
            packed.end()


class _ProgramSink(io.RawIOBase):
    """Passes what is written through a program."""

    def __init__(self, sink: BinaryIO, method: str, password: Secret, home: str) -> None:
        self._sink = sink
        self._error: OSError | None = None
        environment = {**os.environ, "GNUPGHOME": home}
        is_fed = method == "gpg"  # it takes the first line of its input for the password
        if not is_fed:
            environment[_PASSWORD] = os.fsdecode(password.reveal())
        self._program = RunningCommand(
            _WORDS[method],
            environment=environment,
            given=Secret(password.reveal() + b"\n" if is_fed else b""),
            keeps_input=True,
        )
        self._copier = threading.Thread(target=self._copy, name="encrypted", daemon=True)
        self._copier.start()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, content: Piece) -> int:  # type: ignore[override]
        """Pass it on. Raises ``CommandFailed`` and the ``OSError`` of the sink."""
        try:
            self._program.feed(content, seconds=_PATIENCE_SECONDS)
        except (BrokenPipeError, TimeoutError):
            self._judge()
            raise
        return len(content)

    def finish(self) -> None:
        """Write the end, and judge how the program ended."""
        self._judge()

    def end(self) -> None:
        """Give everything back; may be called twice."""
        self._program.end()
        self._copier.join()

    def _judge(self) -> None:
        self._program.end_input()
        self._copier.join()
        if self._error is not None:
            raise self._error
        status = self._program.wait()
        if status:
            raise CommandFailed(
                "{program} ended with status {status}, so nothing of the file is kept. Its last words: {words}",
                hint="Run '{program} --version', and the export again.",
                program=self._program.program,
                status=status,
                words=self._program.last_words() or "–",
            )

    def _copy(self) -> None:
        block = memoryview(bytearray(_BLOCK_BYTES))
        try:
            while count := self._program.readinto(block):
                self._sink.write(block[:count])
        except OSError as error:
            self._error = error
            self._program.end()
