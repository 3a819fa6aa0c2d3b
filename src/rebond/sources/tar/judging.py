"""A stream that has to be a whole tar archive."""

from rebond.errors import CommandFailed
from rebond.sources.streams.readers import StreamReader
from rebond.sources.tar.following import Member, TarDamaged, TarFollower


class TarReader:
    """Passes a stream on and follows it: it is whole only when the program and the archive both say so."""

    def __init__(self, reader: StreamReader, *, program: str, needed: bytes = b"") -> None:
        """``needed`` is the name of a member without which the archive is of no use."""
        self._reader = reader
        self._program = program
        self._needed = needed
        self._has_needed = not needed
        self._follower = TarFollower(self._hear)

    def readinto(self, buffer: memoryview, /) -> int:
        """Read what comes next. Raises ``CommandFailed`` where it is no tar archive."""
        count = self._reader.readinto(buffer)
        try:
            self._follower.feed(buffer[:count])
        except TarDamaged as error:
            self.close()
            raise damaged_archive(self._program, str(error)) from None
        return count

    def finish(self) -> None:
        """Judge the end: the program's first, then the archive's."""
        self._reader.finish()
        try:
            self._follower.finish()
        except TarDamaged as error:
            raise damaged_archive(self._program, str(error)) from None
        if not self._has_needed:
            raise damaged_archive(self._program, "").told_by(
                "The archive that {program} wrote is not whole: {name} is not in it.",
                program=self._program,
                name=self._needed.decode(),
            )

    def close(self) -> None:
        """End what still writes."""
        self._reader.close()

    def _hear(self, member: Member) -> None:
        self._has_needed = self._has_needed or member.path == self._needed


def damaged_archive(program: str, reason: str) -> CommandFailed:
    """Return the error for an archive that is none, or not whole."""
    return CommandFailed(
        "The archive that {program} wrote is not whole: {reason}.",
        hint="Run the backup again. If that happens each time, see whether something between changes or cuts it.",
        program=program,
        reason=reason,
    )
