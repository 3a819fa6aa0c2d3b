"""Which files a folder of backups stands for, and what its manifest promises."""

import json
import os
from collections.abc import Iterator, Sequence

from msgspec import Struct

from rebond.archives.new_files import SUMS
from rebond.archives.unpacking import recognise_compression
from rebond.errors import UnknownName, UsageError
from rebond.findings import Finding, Severity
from rebond.operations.checking_files.encryption import is_signature, is_signature_or_key, recognise_encryption
from rebond.operations.checking_files.forms import HEAD_BYTES, Form, Promise, recognise_form
from rebond.vault.description import DESCRIPTION_NAME

MANIFEST = "manifest.json"
_PARTS = ("database_backup", "media_backup")
_MOST_BYTES = 1 << 20
_BY_HEAD = {Form.ZIP, Form.SEVEN_ZIP, Form.TAR, Form.DUMP}  # JSON and SQL begin as any text may


class Listed(Struct, frozen=True, kw_only=True):
    """The files that are meant, and of each folder what is not looked into."""

    files: tuple[str, ...]
    notes: tuple[Finding, ...] = ()


def list_files(paths: Sequence[str]) -> Listed:
    """Return the files that are meant: a folder stands for what it holds, without its own folders.

    In a folder those count that are known by their name or their beginning, links to nothing too, and those with a sum.

    Raises ``UnknownName`` where there is nothing of a name, ``UsageError`` for what is no file, ``OSError``.
    """
    listed: list[str] = []
    notes: list[Finding] = []
    for path in paths:
        if not os.path.exists(path):
            raise UnknownName(
                "There is no file {path}.", hint="Check how it is written, and in which folder you are.", path=path
            )
        if os.path.isdir(path):
            known, passed_over = _list_folder(path)
            listed += known
            notes += _tell_passed_over(path, passed_over)
        elif os.path.isfile(path):
            listed.append(path)
        else:
            raise UsageError("{path} is no file.", hint="Name files, or a folder of files.", path=path)
    return Listed(files=tuple(dict.fromkeys(listed)), notes=tuple(notes))


def _list_folder(folder: str) -> tuple[list[str], list[str]]:
    """Return the files that are known, and those that are not."""
    if os.path.exists(os.path.join(folder, DESCRIPTION_NAME)):
        raise UsageError(
            "{path} is a vault.",
            hint="'rebond verify --vault {path}' checks it, with --read-data every byte; without its key, "
            "--without-key.",
            path=folder,
        )
    files = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    files = [each for each in files if os.path.isfile(each) or _leads_nowhere(each)]
    present = set(files)
    known = [each for each in files if each + SUMS in present or _is_known(each)]
    if not known:
        raise UsageError("{path} holds no file of a form that is known here.", hint="Name the files.", path=folder)
    named = set(known)
    listed = [each for each in known if not (each.endswith(SUMS) and each.removesuffix(SUMS) in named)]
    return listed, [each for each in files if each not in named]


def _leads_nowhere(path: str) -> bool:
    return os.path.islink(path) and not os.path.exists(path)


def _is_known(path: str) -> bool:
    promise = Promise(path)
    if promise.form or promise.compression or promise.is_of_a_backup:
        return True
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
            is_encrypted = recognise_encryption(head, file) is not None
    except FileNotFoundError:
        return promise.says_something
    except OSError:
        return True  # told where it is read
    if promise.says_something:  # as ``KEYS.asc`` does, which holds no backup
        return not is_signature_or_key(head) or is_signature(head)
    return bool(is_encrypted or recognise_form(head) in _BY_HEAD or recognise_compression(head))


def _tell_passed_over(folder: str, names: Sequence[str]) -> Iterator[Finding]:
    if names:
        yield Finding(
            code="files-passed-over",
            severity=Severity.NOTE,
            subject=folder,
            template="{count} other files were not looked into, first {name} in {path}: of no form that is known here.",
            hint_template="Name them, or write a sum beside each: sha256sum FILE > FILE.sha256",
            values={"path": folder, "count": len(names), "name": os.path.basename(names[0])},
        )


def judge_link(path: str) -> Iterator[Finding]:
    """Yield that a link leads to nothing. Raises ``OSError``."""
    if _leads_nowhere(path):
        yield Finding(
            code="file-missing",
            severity=Severity.DAMAGE,
            subject=path,
            template="{path} is a link to {name}, and that is not there.",
            hint_template="Copy the file itself here, or make the backup again.",
            values={"path": path, "name": os.readlink(path)},
        )


def judge_manifest(path: str) -> Iterator[Finding]:
    """Yield what a manifest of ``manage.py backup`` names and its folder does not hold. Raises ``OSError``."""
    with open(path, "rb") as file:
        content = file.read(_MOST_BYTES)
    try:
        manifest = json.loads(content)
    except ValueError:
        return  # told where it is judged as a document
    if not isinstance(manifest, dict) or _PARTS[0] not in manifest:
        return
    folder = os.path.dirname(path)
    needed = _PARTS if manifest.get("includes_media") else _PARTS[:1]
    for part in needed:
        name = manifest.get(part)
        is_there = isinstance(name, str) and name and os.path.isfile(os.path.join(folder, os.path.basename(name)))
        if not is_there:
            yield Finding(
                code="file-missing",
                severity=Severity.DAMAGE,
                subject=path,
                template="{path} names {name} as {part}, and it is not there.",
                hint_template="Copy the folder whole, or make the backup again.",
                values={"path": path, "name": str(name or "–"), "part": part},
            )
