"""Files inside a container: their archive is taken whole into a private place, then it can be read in any order.

A snapshot wants its files in the order of their names, an archive has them in the order of the disk. The place is a
file without a name, so nothing of it is left behind whatever happens; or memory, for what must never touch a disk.
"""

import os
import tempfile
from collections.abc import Callable, Sequence

import msgspec

from rebond.errors import CommandFailed, SourceError, SourceUnreachable
from rebond.findings import Finding, Severity
from rebond.sources.sqlite.private_files import choose_place
from rebond.sources.streams.readers import StreamReader, describe_failure
from rebond.sources.tar.following import DIRECTORY, HARD_LINK, Member, TarDamaged, TarFollower
from rebond.sources.tar.judging import damaged_archive

Report = Callable[[Finding], None]
_BLOCK_BYTES = 1 << 17
_STATUS = "rebond-tar "
_STATUS_BYTES = len(_STATUS) + 5
_SCRIPT = f"""\
d=$0; l=$1; shift
[ -d "$d" ] || {{ [ $# = 1 ] && [ "$1" = . ] && {{ set -- "./${{d##*/}}"; d=${{d%/*}}/; }}; }}
case $(tar --version 2>/dev/null) in
*GNU*) tar --format=posix --pax-option=delete=atime,delete=ctime $l -cf - -C "$d" -- "$@" ;;
*) tar $l -cf - -C "$d" -- "$@" ;;
esac
printf '{_STATUS}%5d' $?
"""
MEMORY_BYTES = 64 << 20


def wrap_tar(path: bytes, names: Sequence[bytes] = (b".",), *, follows_links: bool = False) -> tuple[str, ...]:
    """Return the command that writes an archive of ``names`` below ``path``, and the status of tar behind it.

    ``follows_links`` saves what a link leads to instead of the link. Nothing is asked of the other side but a shell
    and some tar: GNU's, BusyBox's, or BSD's.
    """
    return ("sh", "-c", _SCRIPT, os.fsdecode(path), "-h" if follows_links else "", *map(os.fsdecode, names))


class Spool:
    """An archive that came whole: its members by directory, and their content."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.members: dict[bytes, dict[bytes, bytes]] = {b"": {}}
        self.directories: dict[bytes, bytes] = {}  # their own entries, where the archive has them
        self.linked: set[bytes] = set()  # files that have other names too

    def add(self, member: Member) -> None:
        """Take a member into its directory; of two with one name the last counts, as for tar."""
        path = tidy_path(member.path)
        if b".." in path.split(b"/") or b"\0" in path:
            raise TarDamaged("a name leads out of it")
        self._make_way(path if member.type == DIRECTORY else path.rpartition(b"/")[0])
        if member.type == DIRECTORY:
            self.directories[path] = msgspec.msgpack.encode(member)
        else:
            parent, _, name = path.rpartition(b"/")
            if member.type == HARD_LINK and tidy_path(member.target) == path:
                return  # it came before, and was asked for twice
            self.members[parent][name] = msgspec.msgpack.encode(member)
            if member.type == HARD_LINK:
                self.linked.add(tidy_path(member.target))

    def close(self) -> None:
        """Let the archive go."""
        os.close(self.descriptor)

    def _make_way(self, path: bytes) -> None:
        while path not in self.members:
            self.members[path] = {}
            path = path.rpartition(b"/")[0]


def tidy_path(path: bytes) -> bytes:
    """Return a path of an archive without ``./`` and doubled slashes."""
    return b"/".join(part for part in path.split(b"/") if part not in {b"", b"."})


def take_archive(open_reader: Callable[[], StreamReader], *, place: str, in_memory: bool, report: Report) -> Spool:
    """Take the whole of what the command of ``wrap_tar`` writes. The caller closes it.

    What tar itself could not read is reported with its words. Raises ``SourceError`` when the archive is not
    whole, cannot be kept, or there is nothing at ``place``, which is only how messages call it.
    """
    descriptor = _make_file(in_memory=in_memory)
    spool = Spool(descriptor)
    try:
        reader = open_reader()
        try:
            status = _fill(spool, reader, place, most_bytes=MEMORY_BYTES if in_memory else None)
            words = getattr(reader, "last_words", lambda: "")()
        finally:
            reader.close()
        _judge_status(status, words, spool, place, report)
    except BaseException:
        spool.close()
        raise
    return spool


def _make_file(*, in_memory: bool) -> int:
    if in_memory:
        return os.memfd_create("rebond", os.MFD_CLOEXEC)
    folder = choose_place(None)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:  # it has no name and mode 0600
            return os.dup(file.fileno())
    except OSError as error:
        raise _no_room(folder, error) from error


def _fill(spool: Spool, reader: StreamReader, place: str, *, most_bytes: int | None) -> int:
    """Copy the archive and follow it; return the status of tar."""
    follower = TarFollower(spool.add)
    block = memoryview(bytearray(_BLOCK_BYTES))
    held, written = b"", 0
    try:
        while count := reader.readinto(block):
            held += bytes(block[:count])
            if len(held) <= _STATUS_BYTES:
                continue
            ready, held = held[:-_STATUS_BYTES], held[-_STATUS_BYTES:]
            follower.feed(memoryview(ready))
            written += _write(spool.descriptor, ready, written)
            if most_bytes is not None and written > most_bytes:
                raise CommandFailed(
                    "{place} holds more than {count} bytes, which is too much for secrets.",
                    hint="Name the files themselves, or save it as a component of the kind files.",
                    place=place,
                    count=most_bytes,
                )
        reader.finish()
        status = _read_status(held)
        if status < 126 and follower.members:
            follower.finish()
    except TarDamaged as error:
        raise damaged_archive(_call_tar(place), str(error)) from None
    return status


def _write(descriptor: int, content: bytes, offset: int) -> int:
    try:
        done = 0
        while done < len(content):
            done += os.pwrite(descriptor, content[done:], offset + done)
    except OSError as error:
        raise _no_room(choose_place(None), error) from error
    return done


def _read_status(held: bytes) -> int:
    text = held.decode(errors="replace")
    number = text.removeprefix(_STATUS).strip()
    if not text.startswith(_STATUS) or not number.isdigit():
        raise TarDamaged("the status of tar is missing")
    return int(number)


def _judge_status(status: int, words: str, spool: Spool, place: str, report: Report) -> None:
    if status > 127:
        raise describe_failure(_call_tar(place), status, words)
    if status >= 126:
        raise CommandFailed(
            "tar cannot be run for {place}: {words}",
            hint="Check that the image holds it.",
            place=place,
            words=words or f"status {status}",
        )
    if not spool.directories and len(spool.members) == 1 and not spool.members[b""]:
        raise SourceUnreachable(
            "There is nothing to save at {place}: {words}",
            hint="Check the path as it is inside, and that what belongs there is mounted.",
            place=place,
            words=words or f"status {status}",
        )
    if status or words:
        report(_describe_words(status, words, place))


def _describe_words(status: int, words: str, place: str) -> Finding:
    """Return a warning for what tar could not read as it is, and a note for what it merely said, as of sockets."""
    values = {"place": place, "words": words or f"status {status}"}
    if not status:
        return Finding(
            code="tar-said",
            severity=Severity.NOTE,
            subject=place,
            template="tar saved all of {place} that it can, and said: {words}",
            values=values,
        )
    return Finding(
        code="unreadable",
        severity=Severity.WARNING,
        subject=place,
        template="tar did not read all of {place} as it is: {words}",
        hint_template="Let the command run as a user who may read it, and when nothing changes there.",
        values=values,
    )


def _call_tar(place: str) -> str:
    return f"tar ({place})"


def _no_room(folder: str, error: OSError) -> SourceError:
    return SourceError(
        "The files of a container cannot be kept in {folder} on their way: {reason}.",
        hint="Set TMPDIR to a directory with room for all of them.",
        folder=folder,
        reason=error.strerror or str(error),
    )
