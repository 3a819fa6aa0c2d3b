"""A base backup by way of pg_basebackup, wherever it runs: one archive, with the manifest as its last member."""

import re
from collections.abc import Iterator

from rebond.errors import SourceError, SourceUnfit
from rebond.sources.postgres.failures import explain_failure
from rebond.sources.postgres.server import describe_input, wrap_program
from rebond.sources.postgres.session import Access
from rebond.sources.postgres_physical.damaged_pages import DamagedPages
from rebond.sources.postgres_physical.tar_members import TarMembers
from rebond.sources.streams.readers import StreamReader

PROGRAM = "pg_basebackup"
_SEVERAL = re.compile(r"can only write single tablespace|seul tablespace")
_CHECKSUM = re.compile(r"checksum error occurred|checksum verification failure|erreur de somme de contrôle")
_NO_WAL = re.compile(r"requested WAL segment \S+ has already been removed|could not find any WAL files")


class ProgramStream:
    """Runs pg_basebackup and reads what it writes."""

    def __init__(self, access: Access, *, label: str, takes_wal: bool, pages: DamagedPages, algorithm: str) -> None:
        """``takes_wal`` takes the log from start to stop along. ``algorithm`` is of sums. Raises ``SourceError``."""
        self.algorithm = algorithm
        self._access = access
        self._is_judged = False
        self._pages = pages
        program = access.programs.pg_dump.removesuffix("pg_dump") + PROGRAM
        words = [program, "-w", "-D", "-", "-F", "t", "-c", "fast", "-l", label, f"--manifest-checksums={algorithm}"]
        words += ["-X", "fetch" if takes_wal else "none", "-d", access.server.describe_connection("")]
        self._reader: StreamReader = access.open_program(
            wrap_program(words, access.server), given=describe_input(access.server), label=PROGRAM
        )

    def archives(self) -> Iterator[tuple[bytes, TarMembers]]:
        """Yield the one archive."""
        yield b"", TarMembers(self, program=PROGRAM)

    def readinto(self, buffer: memoryview, /) -> int:
        """Read on. At the end the program is judged first: its words say more than an archive that is cut."""
        count = self._reader.readinto(buffer)
        if not count:
            self.finish()
        return count

    def take_manifest(self) -> bytes:
        """It is in the archive."""
        return b""

    def finish(self) -> None:
        """Judge the end; a server that found damaged pages has sent all of them before it says so."""
        if self._is_judged:
            return
        self._is_judged = True
        try:
            self._reader.finish()
        except SourceError as error:
            words = str(error.values.get("words", ""))
            if _CHECKSUM.search(words):
                self._pages.hear(words)
                self._pages.expect_some()
                return
            raise self._explain(error) from error

    def close(self) -> None:
        """End it if it still runs."""
        self._reader.close()

    def _explain(self, error: SourceError) -> SourceError:
        words = str(error.values.get("words", ""))
        if _SEVERAL.search(words):
            return SourceUnfit(
                "This server has tablespaces, and pg_basebackup can send them all to nobody but its own disk.",
                hint="Install what speaks with the server itself: pip install 'rebond[postgres]', and let 'host' and "
                "'port' of the component name the server, without 'in'.",
            )
        return explain_replication(error, server=str(self._access.server))


def explain_replication(error: SourceError, *, server: str) -> SourceError:
    """Return the error that says most of what keeps a server from sending a base backup."""
    words = str(error.values.get("words", ""))
    values = {"server": server, "words": words}
    if "no pg_hba.conf entry for replication" in words:
        return SourceUnfit(
            "PostgreSQL at {server} lets nobody replicate from here: {words}",
            hint="Add a line to its pg_hba.conf, such as 'host replication USER ADDRESS scram-sha-256', and reload it.",
            **values,
        )
    if re.search(r"must be superuser or replication role|permission denied to start WAL sender", words):
        return SourceUnfit(
            "This user may not replicate from PostgreSQL at {server}: {words}",
            hint="ALTER ROLE that user REPLICATION.",
            **values,
        )
    if re.search(r"max_wal_senders|number of requested standby connections", words):
        return SourceUnfit(
            "PostgreSQL at {server} has no connection left for a base backup: {words}",
            hint="Raise max_wal_senders, and restart it.",
            **values,
        )
    if _NO_WAL.search(words):
        return SourceUnfit(
            "PostgreSQL at {server} has thrown away some of its log before it was sent: {words}",
            hint='Set wal = "receive" or "archive-command" for the component, or raise wal_keep_size.',
            **values,
        )
    return explain_failure(error, server=server, database="replication")
