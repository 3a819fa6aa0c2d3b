"""What is asked of a stream besides a good end: that it holds something, so many bytes, or a mark at its end."""

from msgspec import Struct

from rebond.errors import CommandFailed

MARK_WITHIN_BYTES = 1024
"""How near to the end of a stream its mark has to be: dumps write the date or an empty line behind it."""


class Expectation(Struct, frozen=True, kw_only=True):
    """What makes a stream whole. ``mark`` must be within its last 1,024 bytes; empty asks for none."""

    mark: bytes = b""
    size_bytes: int | None = None
    allows_empty: bool = False

    @property
    def knows_the_end(self) -> bool:
        """Whether a stream that is cut can be told from one that is whole."""
        return bool(self.mark) or self.size_bytes is not None

    def judge(self, name: str, size_bytes: int, tail: bytes) -> None:
        """Judge a stream by its size and its last bytes. Raises ``CommandFailed`` when it is not whole."""
        if self.size_bytes is not None and size_bytes != self.size_bytes:
            raise CommandFailed(
                "{name} is not whole: {count} bytes came, and {expected} were expected.",
                hint="See why what writes it stopped early or wrote more; then run the backup again.",
                name=name,
                count=size_bytes,
                expected=self.size_bytes,
            )
        if not size_bytes and not self.allows_empty and self.size_bytes is None:
            raise CommandFailed(
                "{name} is empty: nothing was written to the stream.",
                hint="See whether what writes it failed; --allow-empty saves it all the same.",
                name=name,
            )
        if self.mark not in tail and (size_bytes or not self.allows_empty):
            raise CommandFailed(
                "{name} is not whole: its last {count} bytes do not hold the expected end.",
                hint="What writes it was cut or failed; see what it says, then run the backup again.",
                name=name,
                count=MARK_WITHIN_BYTES,
            )


ANYTHING_BUT_NOTHING = Expectation()
