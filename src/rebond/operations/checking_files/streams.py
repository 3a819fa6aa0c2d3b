"""What is read from its beginning to its end: tar files, scripts of SQL, dumps, JSON, compressed or not."""

from collections.abc import Iterable, Iterator
from itertools import chain

from msgspec import Struct

from rebond.archives.json_documents import count_objects
from rebond.archives.reading_through import Spoilt
from rebond.archives.unpacking import Compression, Decoder, Source, begin_decoding, decompress, recognise_compression
from rebond.errors import ProofFailed, SourceUnfit
from rebond.operations.checking_files.forms import HEAD_BYTES, Form, Promise, recognise_form
from rebond.sources.postgres.custom_reading import read_custom
from rebond.sources.tar.following import DIRECTORY, Member, TarDamaged, TarFollower

_PIECE_BYTES = 1 << 18
_TAIL_BYTES = 1024
_MAKERS = (  # of scripts: what stands at their beginning, and what then has to stand at their end
    (b"PostgreSQL database cluster dump", b"PostgreSQL database cluster dump complete"),
    (b"PostgreSQL database dump", b"PostgreSQL database dump complete"),
    (b"MySQL dump", b"-- Dump completed"),
    (b"MariaDB dump", b"-- Dump completed"),
)


class Reading(Struct, frozen=True, kw_only=True):
    """What a file holds. ``form`` is such as ``tar.gz.gpg``; ``members`` are its files, tables or objects.

    ``doubt`` says why the file cannot be called whole though nothing is wrong with it.
    """

    form: str
    content_bytes: int
    members: int | None = None
    spoilt: tuple[Spoilt, ...] = ()
    doubt: SourceUnfit | None = None


def read_stream_through(source: Source, path: str, promise: Promise) -> Reading:
    """Unpack a stream and read what is in it. Raises ``ProofFailed``, ``SourceUnfit``, ``OSError``."""
    head = fill(source, HEAD_BYTES)
    method = recognise_compression(head)
    if promise.compression is not None and method != promise.compression:
        raise _other_than_its_name(path, promise.compression)
    whole = Joined(head, source)
    if method is None:
        pieces: Iterator[bytes] = iter(lambda: whole.read(_PIECE_BYTES), b"")
    else:
        pieces = decompress(whole, method, path)
    reading = _judge(_Counted(pieces), path, promise, is_compressed=method is not None)
    return reading if method is None else _with_ending(reading, method.value)


def fill(source: Source, size: int) -> bytes:
    """Return ``size`` bytes; fewer only where the source ends before."""
    gathered = b""
    while len(gathered) < size and (more := source.read(size - len(gathered))):
        gathered += more
    return gathered


def holds_nothing(path: str) -> SourceUnfit:
    """Return the doubt about an archive without a file."""
    return SourceUnfit(
        "{path} is whole and holds nothing.", hint="See whether what was to be saved was there.", path=path
    )


def _with_ending(reading: Reading, ending: str) -> Reading:
    return Reading(
        form=ending if reading.form == Form.BYTES else f"{reading.form}.{ending}",
        content_bytes=reading.content_bytes,
        members=reading.members,
        doubt=reading.doubt,
    )


def _judge(pieces: "_Counted", path: str, promise: Promise, *, is_compressed: bool) -> Reading:
    """Find out what passes, and let it be judged as such."""
    head = pieces.look(HEAD_BYTES)
    if not head:
        raise ProofFailed(
            "{path} is a compressed file with nothing in it: what should have written its content failed.",
            hint="See the log of what wrote it, and make it again; in a shell, 'set -o pipefail' tells at once.",
            path=path,
        )
    form = recognise_form(head, promise.form)
    is_script = promise.form in {Form.SQL, Form.DUMP} and form in {None, Form.SQL, Form.DUMP} and any(head)
    if promise.form is Form.JSON and form is None:  # a document may be a mere number
        form = Form.JSON
    if promise.form is not None and form is not promise.form and not is_script:
        raise _other_than_its_name(path, str(promise.form))
    match form or (Form.SQL if is_script else None):
        case Form.TAR:
            return _read_tar(pieces, path)
        case Form.DUMP:
            return _read_dump(pieces, path)
        case Form.JSON if promise.form is Form.JSON:  # a log or a list of rows may begin so too
            count = count_objects(pieces, path)
            return Reading(form=Form.JSON, content_bytes=pieces.count, members=count)
        case Form.SQL:
            return _read_script(pieces, path, head)
    return _read_bytes(pieces, path, is_compressed=is_compressed)


def _read_bytes(pieces: "_Counted", path: str, *, is_compressed: bool) -> Reading:
    holds_only_zeros = True
    for each in pieces:
        holds_only_zeros = holds_only_zeros and each.count(0) == len(each)
    doubt = None if is_compressed else _not_known(path)
    if holds_only_zeros:
        doubt = SourceUnfit(
            "{path} holds only zeros.",
            hint="A disk that failed, or a copy that was cut, leaves such a file: compare it with where it came from.",
            path=path,
        )
    return Reading(form=Form.BYTES, content_bytes=pieces.count, doubt=doubt)


def _read_tar(pieces: "_Counted", path: str) -> Reading:
    files = 0

    def hear(member: Member) -> None:
        nonlocal files
        files += member.type != DIRECTORY

    follower = TarFollower(hear)
    try:
        for each in pieces:
            follower.feed(memoryview(each))
        follower.finish()
    except TarDamaged as error:
        raise ProofFailed("{path} is no whole tar file: {reason}.", path=path, reason=str(error)) from error
    return Reading(
        form=Form.TAR,
        content_bytes=pieces.count,
        members=files,
        doubt=None if follower.members else holds_nothing(path),
    )


def _read_dump(pieces: "_Counted", path: str) -> Reading:
    found = read_custom(pieces, path, _begin_decoding)
    doubt = None
    if not found.was_unpacked:
        doubt = SourceUnfit(
            "{path} has all its parts; its rows, which lz4 compressed, were not unpacked.",
            hint="pg_restore -f /dev/null FILE reads them through.",
            path=path,
        )
    return Reading(form=Form.DUMP, content_bytes=found.content_bytes, members=found.blocks, doubt=doubt)


def _begin_decoding(is_zstd: bool) -> Decoder:
    return begin_decoding(Compression.ZSTD if is_zstd else None)


def _read_script(pieces: "_Counted", path: str, head: bytes) -> Reading:
    mark = next((end for beginning, end in _MAKERS if beginning in head), None)
    tail = b""
    for each in pieces:
        tail = (tail + each)[-_TAIL_BYTES:] if len(each) < _TAIL_BYTES else each[-_TAIL_BYTES:]
    if mark is not None and mark not in tail:
        raise ProofFailed(
            "{path} is cut: the script of SQL does not end as a whole one does ('{mark}').",
            hint="What wrote it failed or was stopped: see its log, then make it again.",
            path=path,
            mark=mark.decode(),
        )
    return Reading(form=Form.SQL, content_bytes=pieces.count, doubt=None if mark else _without_mark(path))


def _without_mark(path: str) -> SourceUnfit:
    return SourceUnfit(
        "{path} is a script of SQL without a mark at its end: whether it was cut cannot be told.",
        hint="pg_dump and mysqldump write such a mark, unless comments are left out.",
        path=path,
    )


def _not_known(path: str) -> SourceUnfit:
    return SourceUnfit(
        "{path} is of no form that is known here: nothing in it says whether it is whole.",
        hint="sha256sum FILE > FILE.sha256, while it is whole, lets that be told.",
        path=path,
    )


def _other_than_its_name(path: str, form: str) -> ProofFailed:
    return ProofFailed("{path} does not begin as a file of the form {form}.", path=path, form=form)


class Joined:
    """What was read already, and what follows."""

    def __init__(self, head: bytes, rest: Source) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        if self._head:
            part, self._head = self._head[:size], self._head[size:]
            return part
        return self._rest.read(size)


class _Counted:
    """Pieces that are counted as they are taken, and whose beginning may be looked at before."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.count = 0

    def look(self, size: int) -> bytes:
        """Return the first ``size`` bytes, which are taken all the same later."""
        held: list[bytes] = []
        while sum(map(len, held)) < size and (piece := next(self._pieces, None)) is not None:
            held.append(piece)
        self._pieces = chain(held, self._pieces)
        return b"".join(held)[:size]

    def __iter__(self) -> "_Counted":
        return self

    def __next__(self) -> bytes:
        piece = next(self._pieces)
        self.count += len(piece)
        return piece
