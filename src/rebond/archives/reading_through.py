"""Zip and 7z files, read through: every member is decoded to its end and compared with its sum."""

import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

from msgspec import Struct

from rebond.errors import MissingExtra, ProofFailed, SourceUnfit
from rebond.secret import Secret
from rebond.subprocesses import RunningCommand

_BLOCK_BYTES = 1 << 20
_PROGRAMS = ("7zz", "7z", "7za")
_WORDS_BYTES = 1 << 20
_IS_ENCRYPTED = 1
_SPOILT = re.compile(r"^(?:ERROR|ERREUR): (.*?)(?: : (.+))?$", re.MULTILINE)
_COUNT = re.compile(r"^Files: (\d+)$", re.MULTILINE)
_SIZE = re.compile(r"^Size: +(\d+)$", re.MULTILINE)

FindPassword = Callable[[], Secret | None]


class Spoilt(Struct, frozen=True):
    """A member that does not come out as it went in."""

    name: str
    reason: str


class Inside(Struct, frozen=True, kw_only=True):
    """What was found in an archive: how many files, how many bytes they hold, and which of them are spoilt."""

    members: int
    content_bytes: int
    spoilt: tuple[Spoilt, ...] = ()


def read_zip_through(file: BinaryIO, path: str, find_password: FindPassword) -> Inside:
    """Decode every member. Raises ``ProofFailed`` where there is no whole list of members.

    Raises ``SourceUnfit`` where members are compressed or encrypted by what is not known here.
    """
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, OverflowError) as error:
        raise ProofFailed(
            "{path} is cut or damaged: the list of members at the end of a zip file is not there ({reason}).",
            path=path,
            reason=str(error),
        ) from error
    members = content_bytes = 0
    spoilt: list[Spoilt] = []
    with archive:
        if any(each.flag_bits & _IS_ENCRYPTED for each in archive.infolist()):
            return read_by_program(path, find_password)
        try:
            for each in archive.infolist():
                members += not each.is_dir()
                try:
                    content_bytes += _read_member(archive, each)
                except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
                    spoilt.append(Spoilt(each.filename, str(error) or "EOF"))
        except NotImplementedError:
            return read_by_program(path, find_password)
    return Inside(members=members, content_bytes=content_bytes, spoilt=tuple(spoilt))


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    count = 0
    with archive.open(member) as content:
        while block := content.read(_BLOCK_BYTES):
            count += len(block)
    if count != member.file_size:
        raise EOFError(f"{count} of {member.file_size}")  # noqa: EM102 - becomes a reason
    return count


def read_seven_zip_through(path: str, find_password: FindPassword) -> Inside:
    """Decode every member, by 7-Zip where it is installed, else by py7zr. Raises as ``read_by_program``."""
    if any(map(shutil.which, _PROGRAMS)):
        return read_by_program(path, find_password)
    try:
        import py7zr  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise _program_missing() from error
    return _read_by_library(py7zr, path, find_password)


def _read_by_library(py7zr: Any, path: str, find_password: FindPassword) -> Inside:
    open_archive, exceptions = py7zr.SevenZipFile, py7zr.exceptions
    try:
        with open(path, "rb") as file:
            needs = open_archive(file).needs_password()
    except exceptions.PasswordRequired:
        needs = True
    except Exception as error:
        raise _list_damaged(path, str(error)) from error
    password = find_password() if needs else None
    if needs and password is None:
        raise locked(path)
    text = password.reveal().decode() if password else None
    try:
        with open_archive(path, password=text) as archive:
            entries = [each for each in archive.list() if not each.is_directory]
            bad = archive.testzip()
    except exceptions.UnsupportedCompressionMethodError as error:
        raise _program_missing() from error
    except Exception as error:
        raise not_opened(path) if needs else _list_damaged(path, str(error)) from error
    spoilt = (Spoilt(bad, "CRC"),) if bad else ()
    return Inside(members=len(entries), content_bytes=sum(each.uncompressed for each in entries), spoilt=spoilt)


def read_by_program(path: str, find_password: FindPassword) -> Inside:
    """Have 7-Zip decode every member.

    Raises ``MissingExtra`` where it is not installed, ``ProofFailed`` where it finds damage that it can lay to no
    member, or the password does not open it, ``SourceUnfit`` where a password is needed and there is none.
    """
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        raise _program_missing()
    status, words = _run(program, path, Secret(b""))
    if "Enter password" in words:
        password = find_password()
        if password is None:
            raise locked(path)
        status, words = _run(program, path, password)
        if status and not _COUNT.search(words) and "Wrong password" in words:
            raise not_opened(path)
    if status and "Unsupported Method" in words:
        raise SourceUnfit(
            "{path} is compressed by a method that {program} does not know; it was not looked into.",
            hint="Install a newer 7-Zip: apt-get install 7zip",
            path=path,
            program=program,
        )
    found = [(name or "", reason) for reason, name in _SPOILT.findall(words)]
    spoilt = tuple(Spoilt(name, reason) for name, reason in found if name and name != path)
    if status and not spoilt:
        raise _list_damaged(path, found[0][1] if found else words.strip().rpartition("\n")[2])
    count, size = _COUNT.search(words), _SIZE.search(words)
    members = int(count[1]) if count else (1 if size else 0)
    return Inside(members=members, content_bytes=int(size[1]) if size else 0, spoilt=spoilt)


def _run(program: str, path: str, password: Secret) -> tuple[int, str]:
    """Run the test; what it asks for is handed to it, and never an argument."""
    words = ("t", "-bd", "-y", "-sccUTF-8", "--", os.path.abspath(path))
    running = RunningCommand(
        (program, *words), environment={**os.environ, "LC_ALL": "C.UTF-8"}, given=Secret(password.reveal() + b"\n")
    )
    said = bytearray()
    block = memoryview(bytearray(1 << 16))
    try:
        while count := running.readinto(block):
            said += block[:count]
            del said[:-_WORDS_BYTES]
        status = running.wait()
        return status, said.decode(errors="replace") + "\n" + running.last_words().replace(" | ", "\n")
    finally:
        running.end()


def _list_damaged(path: str, reason: str) -> ProofFailed:
    return ProofFailed("{path} is cut or damaged: 7-Zip cannot read it ({reason}).", path=path, reason=reason)


def locked(path: str) -> SourceUnfit:
    """Return the error for a file that is encrypted where no password is known."""
    return SourceUnfit(
        "{path} is encrypted, and there is no password: it was not looked into.",
        hint="Set REBOND_EXPORT_PASSWORD_FILE to a file with it.",
        path=path,
    )


def not_opened(path: str) -> ProofFailed:
    """Return the error for a file that the password does not open."""
    return ProofFailed(
        "{path} does not open with the password that was given, or its beginning is damaged.",
        hint="Check what REBOND_EXPORT_PASSWORD_FILE and its like lead to.",
        path=path,
    )


def _program_missing() -> MissingExtra:
    return MissingExtra(
        "This archive needs 7-Zip to be read, and it is not installed here.", hint="apt-get install 7zip"
    )
