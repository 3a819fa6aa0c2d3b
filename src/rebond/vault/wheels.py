"""Wheels beside the rescue program, so that it runs on a machine without a network (decision 0123).

They are the libraries that the program imports, with what these ask for: packed again out of this machine's own
environment, which is what this release was tested with, or taken from a directory that somebody filled. A list of
their SHA-256 lies beside them; its own hash is in the kit, so that one comparison by eye covers all of them.
"""

import base64
import csv
import hashlib
import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, PackagePath, distribution
from pathlib import Path

import msgspec

from rebond.clock import Clock
from rebond.errors import UsageError
from rebond.store.protocol import Store
from rebond.vault.keyring import OpenKeyring
from rebond.vault.papers import RESCUE_PREFIX, VaultPapers, load_papers, put_papers
from rebond.vault.primitives import signing_key
from rebond.vault.roster import Roster, change_roster

NEEDED = ("cryptography", "zstandard", "blake3")
ASKED_FOR = ("cffi", "pycparser", "typing_extensions")  # by the three; taken where they are
WHEEL_LIMIT_BYTES = 64 << 20
_LEFT_OUT = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"})  # an installer's own notes
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # the same environment gives the same bytes
_NAME = re.compile(r"([A-Za-z0-9_.]+)-[A-Za-z0-9_.]+(?:-[A-Za-z0-9_.]+)+\.whl")
_FILL_IT = "Fill a directory on any machine, and name it: python3 -m pip wheel -w DIR cryptography zstandard blake3"


def pack_installed() -> dict[str, bytes]:
    """Return the wheels of what is installed here, by file name. They fit this Python and this kind of processor.

    Raises ``UsageError`` when a library was not installed from a wheel, or was changed since.
    """
    wheels = {}
    for name in NEEDED + ASKED_FOR:
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            if name in NEEDED:
                raise _unpackable(name) from None
            continue
        wheels[_name_wheel(installed)] = _pack(installed)
    return wheels


def read_wheels(directory: Path) -> dict[str, bytes]:
    """Return the wheels of the libraries that lie in a directory, each checked against its own list of contents.

    Raises ``UsageError`` when one of the three is not there, or a file is not whole.
    """
    try:
        found = {path.name: path.read_bytes() for path in sorted(directory.glob("*.whl")) if _is_wanted(path)}
    except OSError as error:
        raise UsageError(
            "The wheels in {path} cannot be read: {reason}.",
            hint=_FILL_IT,
            path=str(directory),
            reason=error.strerror or str(error),
        ) from error
    for name in NEEDED:
        if not any(_project(wheel) == name for wheel in found):
            raise UsageError("{path} holds no wheel of {library}.", hint=_FILL_IT, path=str(directory), library=name)
    for wheel, content in found.items():
        if not _is_whole(content):
            raise _broken(directory / wheel)
    return found


def with_wheels(papers: VaultPapers, wheels: Mapping[str, bytes]) -> VaultPapers:
    """Return the papers of a vault together with wheels and the list of their SHA-256."""
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(wheels.items())]
    sums = "".join(lines).encode()
    name = f"wheels-{hashlib.sha256(sums).hexdigest()[:8]}.sha256"
    added = {RESCUE_PREFIX + name: sums, **{RESCUE_PREFIX + wheel: content for wheel, content in wheels.items()}}
    return VaultPapers(contents={**papers.contents, **added})


def carry_wheels(store: Store, keyring: OpenKeyring, wheels: Mapping[str, bytes], *, clock: Clock) -> Roster:
    """Put wheels, and this release's rescue program, into a vault that stands; return the roster that names them.

    They are put first, then the roster: cut between, they are files that nobody signed, and the same call goes on.
    """
    papers = load_papers()
    rescue = {name: content for name, content in papers.contents.items() if name.startswith(RESCUE_PREFIX)}
    carried = with_wheels(VaultPapers(contents=rescue), wheels)
    put_papers(store, carried)
    hashes = {file.name: file for file in carried.list_hashes()}

    def name_them(current: Roster) -> Roster:
        known = {file.name: file for file in current.rescue}
        return msgspec.structs.replace(current, rescue=tuple((known | hashes).values()))

    return change_roster(store, signing_key(keyring.secrets.owner_seed), name_them, now_ms=clock.now_ms())


def _is_wanted(path: Path) -> bool:
    if _project(path.name) not in NEEDED + ASKED_FOR:
        return False
    if path.stat().st_size > WHEEL_LIMIT_BYTES:
        raise _broken(path)
    return True


def _project(wheel: str) -> str:
    matched = _NAME.fullmatch(wheel)
    return re.sub(r"[-_.]+", "_", matched[1]).lower() if matched else ""


def _name_wheel(installed: Distribution) -> str:
    """Return the file name that the installed files had as a wheel: their tags say what they fit."""
    tags = re.findall(r"^Tag: *(\S+)-(\S+)-(\S+)$", installed.read_text("WHEEL") or "", re.MULTILINE)
    project = re.sub(r"[-_.]+", "_", installed.metadata["Name"]).lower()
    parts = [".".join(dict.fromkeys(part)) for part in zip(*tags, strict=True)]
    name = "-".join([project, installed.version, *parts]) + ".whl"
    if not tags or not _NAME.fullmatch(name):
        raise _unpackable(project)
    return name


def _pack(installed: Distribution) -> bytes:
    """Zip the files of a distribution as its wheel held them."""
    archive, rows, record = io.BytesIO(), [], ""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for file, content, mode in _read_files(installed):
            rows.append((str(file), f"sha256={_digest(content)}", str(len(content))))
            _add(out, str(file), content, mode)
            if file.parent.suffix == ".dist-info" and file.name == "WHEEL":
                record = str(file.parent / "RECORD")
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows([*rows, (record, "", "")])
        _add(out, record, lines.getvalue().encode(), stat.S_IFREG | 0o644)
    return archive.getvalue()


def _read_files(installed: Distribution) -> Iterator[tuple[PackagePath, bytes, int]]:
    """Yield what a wheel brought: each file as it was then, or ``UsageError``."""
    for file in sorted(installed.files or ()):
        if file.parts[0] == ".." or "__pycache__" in file.parts or file.name in _LEFT_OUT:
            continue
        path = Path(str(file.locate()))
        try:
            content, mode = path.read_bytes(), path.stat().st_mode
        except OSError:
            raise _unpackable(installed.metadata["Name"]) from None
        if file.hash is None or file.hash.mode != "sha256" or file.hash.value != _digest(content):
            raise _unpackable(installed.metadata["Name"])
        yield file, content, stat.S_IFREG | (0o755 if mode & 0o100 else 0o644)


def _add(out: zipfile.ZipFile, name: str, content: bytes, mode: int) -> None:
    info = zipfile.ZipInfo(name, _FIXED_TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = mode << 16
    out.writestr(info, content)


def _is_whole(content: bytes) -> bool:
    """Say whether a wheel holds what its RECORD says, and nothing that would lie outside of where it is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            (record,) = (name for name in names if re.fullmatch(r"[^/]+\.dist-info/RECORD", name))
            rows = list(csv.reader(io.StringIO(archive.read(record).decode())))
            sums = {row[0]: row[1] for row in rows if len(row) >= 2 and row[1]}
            held = {name: f"sha256={_digest(archive.read(name))}" for name in names if name != record}
    except (zipfile.BadZipFile, ValueError, EOFError, KeyError, RuntimeError, NotImplementedError, zlib.error):
        return False
    return held == sums and not any(name.startswith("/") or ".." in name.split("/") for name in names)


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _unpackable(name: str) -> UsageError:
    return UsageError(
        "{library} was not installed here from a wheel, or was changed since; so no wheel of it can be made.",
        hint=_FILL_IT,
        library=name,
    )


def _broken(path: Path) -> UsageError:
    return UsageError(
        "{path} is not a whole wheel: what it holds is not what its own list says.", hint=_FILL_IT, path=str(path)
    )
