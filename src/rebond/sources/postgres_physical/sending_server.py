"""A base backup straight from the server, by its replication protocol: every tablespace, and the manifest apart."""

import re
from collections.abc import Iterator

from rebond.errors import CommandFailed, SourceError
from rebond.sources.postgres.server import PostgresServer
from rebond.sources.postgres_physical.connection import Connection
from rebond.sources.postgres_physical.damaged_pages import DamagedPages
from rebond.sources.postgres_physical.sending_program import explain_replication
from rebond.sources.postgres_physical.tar_members import TarMembers

_NEW_ARCHIVE, _MANIFEST, _DATA, _PROGRESS = b"n"[0], b"m"[0], b"d"[0], b"p"[0]
_CHECKSUM = re.compile(r"checksum verification failure during base backup")


class ServerStream:
    """Speaks with a server of version 15 or later, and takes its messages apart."""

    def __init__(
        self, server: PostgresServer, *, label: str, takes_wal: bool, pages: DamagedPages, algorithm: str
    ) -> None:
        """``takes_wal`` takes the log from start to stop along. ``algorithm`` is of sums. Raises ``SourceError``."""
        self.algorithm = algorithm
        self._server = server
        self._pages = pages
        self._manifest = bytearray()
        self._block = memoryview(b"")
        self._archive: bytes | None = None
        self._is_over = False
        options = [f"LABEL '{label}'", "CHECKPOINT 'fast'", "WAIT 0", "MANIFEST 'yes'"]
        options += [f"MANIFEST_CHECKSUMS '{algorithm}'", "TABLESPACE_MAP", *(["WAL"] if takes_wal else [])]
        try:
            self._connection = Connection(server, "", replicates=True)
            self._connection.begin_copy(f"BASE_BACKUP ({', '.join(options)})")
        except SourceError as error:
            raise explain_replication(error, server=str(server)) from error
        self._messages = self._connection.read_copy()

    def archives(self) -> Iterator[tuple[bytes, TarMembers]]:
        """Yield an archive for each tablespace, the server's own data first or last."""
        self._next_message()
        while self._archive is not None:
            name = self._archive.removesuffix(b".tar")
            self._archive = None
            yield b"" if name == b"base" else b"pg_tblspc/" + name + b"/", TarMembers(self, program="PostgreSQL")
            while not self._is_over and self._archive is None:
                self._next_message()

    def readinto(self, buffer: memoryview, /) -> int:
        """Give what comes of the present archive; 0 where the next one begins, or the manifest."""
        while not len(self._block):
            if self._archive is not None or self._is_over or not self._next_message():
                return 0
        count = min(len(buffer), len(self._block))
        buffer[:count] = self._block[:count]
        self._block = self._block[count:]
        return count

    def take_manifest(self) -> bytes:
        """Return what came of it."""
        return bytes(self._manifest)

    def finish(self) -> None:
        """Judge the end; a server that found damaged pages has sent all of them before it says so."""
        try:
            while self._next_message():
                pass
            self._connection.finish_copy()
        except CommandFailed as error:
            self._pages.hear(self._connection.warnings)
            if not _CHECKSUM.search(str(error.values.get("words", ""))):
                raise explain_replication(error, server=str(self._server)) from error
            self._pages.expect_some()
        self._pages.hear(self._connection.warnings)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _next_message(self) -> bool:
        """Take one message; ``False`` at the end of the stream."""
        message = next(self._messages, None)
        if message is None:
            self._is_over = True
            return False
        kind = message[0]
        if kind == _DATA:
            if self._manifest_began:
                self._manifest += message[1:]
            else:
                self._block = message[1:]
        elif kind == _NEW_ARCHIVE:
            self._archive = bytes(message[1:]).split(b"\0")[0]
        elif kind == _MANIFEST:
            self._manifest_began = True
        elif kind != _PROGRESS:
            raise CommandFailed(
                "PostgreSQL at {server} sent something else than a base backup.",
                hint="Install a newer version of rebond, or let pg_basebackup do it: name a container with 'in'.",
                server=str(self._server),
            )
        return True

    _manifest_began = False
