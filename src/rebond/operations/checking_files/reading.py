"""One file, decrypted, unpacked and read to its end."""

import os
from typing import BinaryIO

from rebond.archives.decrypting import WAYS, Decrypted, decrypted
from rebond.archives.reading_through import FindPassword, locked, not_opened, read_seven_zip_through, read_zip_through
from rebond.archives.unpacking import recognise_compression
from rebond.errors import ProofFailed, SourceUnfit
from rebond.operations.checking_files.encryption import (
    is_for_a_key_alone,
    is_signature,
    is_signature_or_key,
    is_whole,
    recognise_encryption,
)
from rebond.operations.checking_files.forms import HEAD_BYTES, Form, Promise, is_text, recognise_form
from rebond.operations.checking_files.letters import MOST_BYTES, check_end, find_kind, read_blocks
from rebond.operations.checking_files.streams import Joined, Reading, fill, holds_nothing, read_stream_through
from rebond.secret import Secret

_PIECE_BYTES = 1 << 18
_ARCHIVES = (Form.ZIP, Form.SEVEN_ZIP)  # their lists are at their ends


def read_file_through(file: BinaryIO, path: str, find_password: FindPassword) -> Reading:
    """Read a file to its end. ``file`` can be sought and is at its beginning.

    Raises ``ProofFailed`` where it is cut, damaged or not what its name says, ``SourceUnfit`` and ``MissingExtra``
    where it could not be looked into, ``OSError``.
    """
    promise = Promise(path)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if not head:
        raise ProofFailed(
            "{path} is empty.", hint="What should have written it failed: see its log, then make it again.", path=path
        )
    if is_signature_or_key(head) and (promise.encryption or not promise.says_something):
        return _judge_signature(file, path, head)
    found = recognise_encryption(head, file)
    if found and find_kind(head) is not None:
        check_end(file, path)
    if promise.encryption or (found and not promise.says_something):
        if is_for_a_key_alone(head):
            return _leave_closed(promise, _for_a_key(path))
        return _read_encrypted(path, promise, found, find_password)
    form = recognise_form(head, promise.form)
    if form not in _ARCHIVES or promise.compression or promise.form not in {None, form}:
        return read_stream_through(file, path, promise)
    is_zip = form is Form.ZIP
    inside = read_zip_through(file, path, find_password) if is_zip else read_seven_zip_through(path, find_password)
    return Reading(
        form=form,
        content_bytes=inside.content_bytes,
        members=inside.members,
        spoilt=inside.spoilt,
        doubt=None if inside.members else holds_nothing(path),
    )


def _judge_signature(file: BinaryIO, path: str, head: bytes) -> Reading:
    """Judge whether what OpenPGP made and did not encrypt is whole; whether it is true, only who has the keys can tell.

    A signature is one of what lies beside it; alone, or for a key, somebody may have taken it for a backup. What is
    larger than such things are is not judged: it would have to be held in memory.
    """
    size = os.fstat(file.fileno()).st_size
    if size > MOST_BYTES:
        return _leave_unjudged(path, size)
    blocks = [file.read()] if find_kind(head) is None else read_blocks(file, path)
    if not all(is_whole(each) for each in blocks):
        raise ProofFailed(
            "{path} is cut or damaged: it is no whole signature or key of OpenPGP.",
            hint="Take another copy of it.",
            path=path,
        )
    if is_signature(head) and os.path.isfile(os.path.splitext(path)[0]):
        return Reading(form=Form.SIGNATURE, content_bytes=size)
    return _leave_unjudged(path, size)


def _leave_unjudged(path: str, size: int) -> Reading:
    return Reading(
        form=Form.BYTES,
        content_bytes=size,
        doubt=SourceUnfit(
            "{path} is a signature or a key of OpenPGP, not a backup; it was not judged.",
            hint="gpg --verify {path} FILE says whether FILE is what was signed.",
            path=path,
        ),
    )


def _read_encrypted(path: str, promise: Promise, found: str | None, find_password: FindPassword) -> Reading:
    """Decrypt as it passes; of the ways in which a file may have been made, the one counts that something comes of."""
    if promise.encryption == "openssl" and found != "openssl":
        raise ProofFailed("{path} does not begin as a file that openssl encrypted.", path=path)
    password = find_password()
    if password is None:
        return _leave_closed(promise, locked(path))
    failed = None
    for way in WAYS[found or "gpg"]:
        try:
            reading = _read_by(way, path, promise, password)
        except ProofFailed as error:
            failed = failed or error  # what another way makes sense of was not made in this one
            continue
        if reading is not None:
            return reading
    raise failed or not_opened(path)


def _leave_closed(promise: Promise, doubt: SourceUnfit) -> Reading:
    """Return what is bytes where the name promises no more: a sum beside it may say that they are whole."""
    if promise.encryption:
        raise doubt
    return Reading(form=Form.BYTES, content_bytes=0, doubt=doubt)


def _for_a_key(path: str) -> SourceUnfit:
    return SourceUnfit(
        "{path} is encrypted to a key, and no password opens it: it was not looked into.",
        hint="Where the private key is: gpg -d FILE, and verify what comes out.",
        path=path,
    )


def _read_by(way: tuple[str, ...], path: str, promise: Promise, password: Secret) -> Reading | None:
    """Read what comes out; ``None`` where nothing sensible does."""
    program = way[0]
    with decrypted(path, way, password) as source:
        head = fill(source, HEAD_BYTES)
        form = recognise_form(head, promise.form)
        if not head or (program == "openssl" and not _makes_sense(head, form)):
            return None
        if form in _ARCHIVES:
            reading = _pass(source, head, path, str(form), program)
        else:
            reading = read_stream_through(Joined(head, source), path, promise)
        if not source.finish():
            raise ProofFailed(
                "{path} is cut or damaged: {program} could not decrypt it to its end.", path=path, program=program
            )
    return Reading(
        form=f"{reading.form}.{'gpg' if program == 'gpg' else 'enc'}",
        content_bytes=reading.content_bytes,
        members=reading.members,
        doubt=reading.doubt,
    )


def _makes_sense(head: bytes, form: Form | None) -> bool:
    """Say whether content begins so, and not what a wrong key makes of it: of 256 keys, two begin as JSON does."""
    if form in {None, Form.JSON}:
        return recognise_compression(head) is not None or is_text(head)
    return True


def _pass(source: Decrypted, head: bytes, path: str, form: str, program: str) -> Reading:
    """Let a file pass that cannot be read as a stream: gpg proves that it is what was encrypted, openssl does not."""
    count = len(head)
    while piece := source.read(_PIECE_BYTES):
        count += len(piece)
    doubt = None
    if program == "openssl":
        doubt = SourceUnfit(
            "{path} was decrypted to its end. openssl notices no change, and the {form} file in it was not read.",
            hint="Decrypt it, and verify the {form} file.",
            path=path,
            form=form,
        )
    return Reading(form=form, content_bytes=count, doubt=doubt)
