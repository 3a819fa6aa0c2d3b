"""Asking a program something short, such as its version, where every answer will do: also none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rebond.errors import CommandFailed
from rebond.sources.streams.readers import CommandReader

_MOST_BYTES = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came. ``status`` is ``None`` where the program is not there; minus a signal's number where it was ended."""

    status: int | None
    output: str = ""
    words: str = ""
    took_too_long: bool = False

    @property
    def is_good(self) -> bool:
        """Whether it ended with status 0 and in time."""
        return self.status == 0 and not self.took_too_long


def ask_program(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    timeout_seconds: float,
    directory: str | None = None,
    user: str | None = None,
) -> Asked:
    """Run a program without input and return what it wrote, 200 kB at most. It gets none of our secrets."""
    try:
        reader = CommandReader(
            arguments, environment=environment, timeout_seconds=timeout_seconds, directory=directory, user=user
        )
    except CommandFailed as error:
        return Asked(status=None, words=error.message)
    try:
        output = bytearray()
        block = memoryview(bytearray(65536))
        while count := reader.readinto(block):
            if len(output) < _MOST_BYTES:
                output += block[:count]
        status = reader.wait()
        try:
            reader.check_time()
        except CommandFailed:
            return Asked(status=status, took_too_long=True)
        return Asked(status=status, output=output.decode(errors="replace"), words=reader.last_words())
    finally:
        reader.close()
