"""The members of a tar archive one after the other while it passes, each read once: no copy is made of it."""

from collections.abc import Iterator
from typing import Protocol

from rebond.sources.tar.following import BLOCK, FILE, Member, TarDamaged, TarFollower
from rebond.sources.tar.judging import damaged_archive
from rebond.wording import Phrase

_READ_BYTES = 1 << 17


class Incoming(Protocol):
    """Bytes that come once."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill ``buffer`` as far as something is there; 0 at the end. Raises ``SourceError``."""
        ...


class TarMembers:
    """Walks an archive. A member's content has to be read, or is skipped, before the next one comes.

    Raises ``CommandFailed`` where it is no archive, or not a whole one.
    """

    def __init__(self, incoming: Incoming, *, program: str) -> None:
        self._incoming = incoming
        self._program = program
        self._told: list[Member] = []
        self._follower = TarFollower(self._told.append)
        self._left = 0  # bytes of the present member that nobody has read yet
        self._padding = 0
        self._block = memoryview(bytearray(_READ_BYTES))

    def __iter__(self) -> Iterator[Member]:
        try:
            while not self._follower.is_over:
                self._skip(self._left + self._padding)
                self._left = self._padding = 0
                self._take_header()
                if self._told:
                    member = self._told.pop()
                    self._left = member.size
                    self._padding = -member.size % BLOCK
                    yield member
            self._pass_rest()
            self._follower.finish()
        except TarDamaged as error:
            raise damaged_archive(self._program, str(error)) from None

    def readinto(self, buffer: memoryview, /) -> int:
        """Read on in the content of the present member; 0 at its end."""
        buffer = buffer[: self._left]
        if not len(buffer):
            return 0
        count = self._incoming.readinto(buffer)
        if not count:
            raise damaged_archive(self._program, Phrase("it ends before its end"))
        self._left -= count
        self._follower.feed(buffer[:count])
        return count

    def _skip(self, count: int) -> None:
        while count:
            got = self._incoming.readinto(self._block[: min(count, _READ_BYTES)])
            if not got:
                raise TarDamaged("it ends before its end")
            self._follower.feed(self._block[:got])
            count -= got

    def _take_header(self) -> None:
        """Read one block; extended headers take several turns."""
        self._skip(BLOCK)

    def _pass_rest(self) -> None:
        while count := self._incoming.readinto(self._block):
            self._follower.feed(self._block[:count])


def is_file(member: Member) -> bool:
    """Say whether a member has content."""
    return member.type == FILE
