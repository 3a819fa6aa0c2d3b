"""Files on a disk: what is whole is called so, and whatever is cut, changed, missing or locked is named."""

import base64
import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import pathlib
import random
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
import zstandard

from rebond.archives import reading_through
from rebond.archives.decrypting import WAYS
from rebond.clock import SystemClock
from rebond.errors import UnknownName, UsageError
from rebond.operations.checking_files import reading
from rebond.operations.checking_files.encryption import (
    is_for_a_key_alone,
    is_signature_or_key,
    is_whole,
    recognise_encryption,
)
from rebond.operations.verify_files import FileReport, FilesOutcome, verify_files
from rebond.progress import Silence
from rebond.secret import Secret

NOISE = random.Random(7).randbytes(60_000)
SCRIPT = (
    b"--\n-- PostgreSQL database dump\n--\nCOPY t FROM stdin;\n1\n\\.\n--\n-- PostgreSQL database dump complete\n--\n\n"
)
MYSQL = b"-- MariaDB dump 10.19\nINSERT INTO t VALUES (1);\n-- Dump completed on 2026-02-04  3:00:00\n"


def verify(*paths: pathlib.Path, password: bytes | None = None) -> FilesOutcome:
    secret = Secret(password) if password else None
    return verify_files(
        [str(each) for each in paths], find_password=lambda: secret, observer=Silence(), clock=SystemClock()
    )


def one(path: pathlib.Path, password: bytes | None = None) -> FileReport:
    (report,) = verify(path, password=password).files
    return report


def codes(report: FileReport) -> list[str]:
    return [each.code for each in report.findings]


def tar_of(**contents: bytes) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, content in contents.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return sink.getvalue()


def zip_of(**contents: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return sink.getvalue()


def seven_zip_of(folder: pathlib.Path, *options: str) -> bytes:
    (folder / "a").write_bytes(NOISE)
    (folder / "b").write_bytes(b"b" * 5000)
    program = shutil.which("7zz") or shutil.which("7z")
    assert program is not None
    subprocess.run(
        [program, "a", "-bd", *options, "made.7z", "a", "b"], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    content = (folder / "made.7z").read_bytes()
    for name in ("made.7z", "a", "b"):
        (folder / name).unlink()
    return content


MAKERS: dict[str, Callable[[], bytes]] = {
    "tar": lambda: tar_of(a=NOISE, b=b"2"),
    "tar.gz": lambda: gzip.compress(tar_of(a=NOISE)),
    "tgz": lambda: gzip.compress(tar_of(a=NOISE)),
    "tar.bz2": lambda: bz2.compress(tar_of(a=NOISE)),
    "tar.xz": lambda: lzma.compress(tar_of(a=NOISE)),
    "tar.zst": lambda: zstandard.ZstdCompressor(write_checksum=True).compress(tar_of(a=NOISE)),
    "sql.gz": lambda: gzip.compress(SCRIPT),
    "sql": lambda: SCRIPT,
    "sql.zst": lambda: zstandard.ZstdCompressor(write_checksum=True).compress(MYSQL),
    "zip": lambda: zip_of(a=NOISE, b=b"2"),
    "json": lambda: json.dumps([{"model": "shop.order", "pk": each} for each in range(3000)]).encode(),
    "gz": lambda: gzip.compress(NOISE),
}


@pytest.mark.parametrize("ending", MAKERS)
def test_a_whole_file_is_called_whole(ending: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / f"backup_20260204_030000.{ending}"
    path.write_bytes(MAKERS[ending]())
    report = one(path)
    assert codes(report) == []
    assert report.form == ending.replace("tgz", "tar.gz")
    assert report.size_bytes == path.stat().st_size
    assert report.content_bytes > 0


@pytest.mark.parametrize("ending", MAKERS)
def test_a_file_that_is_cut_anywhere_is_damaged(ending: str, tmp_path: pathlib.Path) -> None:
    whole = MAKERS[ending]()
    whole = whole.rstrip(b"\0") if ending == "tar" else whole  # what follows its end is padding
    path = tmp_path / f"backup.{ending}"
    for length in (0, 1, 9, len(whole) // 3, len(whole) // 2, len(whole) - len(whole) // 20 - 10):
        path.write_bytes(whole[:length])
        report = one(path)
        assert not report.ok or (ending == "sql" and codes(report) == ["file-not-judged"]), length


@pytest.mark.parametrize("ending", [each for each in MAKERS if each not in {"sql", "json", "tar"}])
def test_a_changed_byte_of_what_has_sums_is_found(ending: str, tmp_path: pathlib.Path) -> None:
    whole = bytearray(MAKERS[ending]())
    path = tmp_path / f"backup.{ending}"
    for place in (len(whole) // 4, len(whole) // 2, 3 * len(whole) // 4):
        whole[place] ^= 0x10
        path.write_bytes(whole)
        whole[place] ^= 0x10
        assert not one(path).ok, place


@pytest.mark.parametrize("ending", MAKERS)
def test_zeros_under_a_promising_name_are_damage(ending: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / f"backup.{ending}"
    path.write_bytes(bytes(4000))
    report = one(path)
    assert codes(report) in (["file-damaged"], ["file-not-judged"])
    assert report.ok == (ending == "tar")  # which is then an empty one: nothing in it is told all the same


def test_the_damaged_member_of_a_zip_file_is_named_and_the_others_are_read(tmp_path: pathlib.Path) -> None:
    content = bytearray(zip_of(good=b"1" * 900, bad=NOISE, other=b"3"))
    place = content.index(NOISE[1000:1010])  # noise is stored as it is
    content[place] ^= 1
    path = tmp_path / "code.zip"
    path.write_bytes(content)
    report = one(path)
    assert [each.name for each in report.spoilt] == ["bad"]
    assert codes(report) == ["member-damaged"]
    assert report.members == 3


@pytest.mark.parametrize("name", ["db_backup_20260204_030000.sql.gz", "db.gz"])
def test_an_empty_dump_in_a_whole_gz_file_is_damage(name: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(b""))  # what a script without pipefail leaves
    assert subprocess.run(["gzip", "-t", path], check=False).returncode == 0
    (finding,) = one(path).findings
    assert finding.code == "file-damaged"
    assert "with nothing in it" in finding.message


@pytest.mark.parametrize("script", [SCRIPT, MYSQL])
def test_a_script_that_was_cut_before_it_was_compressed_is_damage(script: bytes, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "db.sql.gz"
    path.write_bytes(gzip.compress(script[: len(script) // 2]))
    assert codes(one(path)) == ["file-damaged"]


def test_a_script_of_an_unknown_maker_is_not_called_whole(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "db.sql"
    path.write_bytes(b"INSERT INTO t VALUES (1);\n")
    assert codes(one(path)) == ["file-not-judged"]
    assert one(path).ok


def test_streams_one_behind_the_other_are_read_and_what_follows_them_is_not_let_pass(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "db.sql.gz"
    path.write_bytes(gzip.compress(SCRIPT[:40]) + gzip.compress(SCRIPT[40:]) + bytes(600))
    assert one(path).findings == ()
    path.write_bytes(gzip.compress(SCRIPT) + b"something else")
    assert codes(one(path)) == ["file-damaged"]


def test_a_tar_file_with_holes_is_whole(tmp_path: pathlib.Path) -> None:
    with (tmp_path / "holes").open("wb") as file:
        for each in range(60):
            file.seek(each * 100_000)
            file.write(b"x")
    subprocess.run(["tar", "-S", "-C", tmp_path, "-cf", tmp_path / "made.tar", "holes"], check=True)
    assert one(tmp_path / "made.tar").findings == ()


def test_a_changed_header_in_the_middle_of_a_tar_file_is_found(tmp_path: pathlib.Path) -> None:
    content = bytearray(tar_of(a=b"1" * 700, b=b"2" * 700, c=b"3"))
    content[1536 + 3] ^= 1
    path = tmp_path / "code.tar"
    path.write_bytes(content)
    assert not one(path).ok


def test_bytes_of_a_file_beside_its_sum(tmp_path: pathlib.Path) -> None:
    path, sums = tmp_path / "image.iso", tmp_path / "image.iso.sha256"
    path.write_bytes(NOISE)
    assert codes(one(path)) == ["file-not-judged"]
    sums.write_text(f"{hashlib.sha256(NOISE).hexdigest()}  /backups/image.iso\n")
    assert codes(one(path)) == []
    assert one(path).has_sum
    path.write_bytes(NOISE + b"1")
    assert codes(one(path)) == ["sum-differs"]
    assert codes(one(sums)) == ["sum-differs"]  # named itself, it means what it lists
    path.unlink()
    assert codes(one(sums)) == ["file-damaged"]
    sums.write_text("none\n")
    path.write_bytes(NOISE)
    assert codes(one(path)) == ["file-damaged", "file-not-judged"]


def test_the_folder_of_a_django_backup_is_judged_by_its_manifest(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "korrigo_backup_20260204_030000"
    folder.mkdir()
    (folder / "db_backup_20260204_030000.json").write_bytes(MAKERS["json"]())
    (folder / "media_backup_20260204_030000.zip").write_bytes(zip_of(a=b"1"))
    manifest = {
        "timestamp": "20260204_030000",
        "includes_media": True,
        "database_backup": "db_backup_20260204_030000.json",
        "media_backup": "media_backup_20260204_030000.zip",
        "backup_dir": "/tmp/elsewhere",
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2))
    outcome = verify(folder)
    assert outcome.ok
    assert outcome.findings == ()
    assert {os.path.basename(each.path): each.members for each in outcome.files} == {
        "db_backup_20260204_030000.json": 3000,
        "manifest.json": 1,
        "media_backup_20260204_030000.zip": 1,
    }
    (folder / "media_backup_20260204_030000.zip").unlink()
    assert [each.code for each in verify(folder).findings] == ["file-missing"]


@pytest.mark.parametrize(
    "text",
    [
        '[{"a": 1}, {"b": 2}',
        "[1, 2",
        "[1 2]",
        '{"a": ',
        "[1],",
        "nul",
        "1 2",
        '{"a": 1}\n{"b"',
        '{"a": 1} x',
        '["\udc80"]',
    ],
)
def test_json_that_is_not_whole_is_damage(text: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "db.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    assert not one(path).ok


@pytest.mark.parametrize(
    ("text", "count"), [("[]", 0), (" [1, 2 ,3]\n", 3), ("12", 1), ('{"a": [1]}', 1), ('{"a": 1}\n{"b": 2}\n', 2)]
)
def test_json_that_is_whole_is_counted(text: str, count: int, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "db.json"
    path.write_text(text)
    assert one(path).members == count
    assert one(path).findings == ()


def test_what_is_named_has_to_be_there_and_a_vault_is_no_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UnknownName):
        verify(tmp_path / "absent.zip")
    with pytest.raises(UsageError):
        verify(tmp_path)
    (tmp_path / "vault.json").write_text("{}")
    with pytest.raises(UsageError, match="is a vault"):
        verify(tmp_path)
    os.mkfifo(tmp_path / "pipe.zip")
    with pytest.raises(UsageError, match="is no file"):
        verify(tmp_path / "pipe.zip")


# -- 7z ------------------------------------------------------------------------------------------


@pytest.fixture(params=["program", "library"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Read 7z files by the program, or by the library where there is no such program."""
    if request.param == "library":
        monkeypatch.setattr(reading_through, "_PROGRAMS", ())
    return str(request.param)


@pytest.mark.judge("7z")
def test_a_7z_file_is_read_through(way: str, tmp_path: pathlib.Path) -> None:
    whole = seven_zip_of(tmp_path)
    path = tmp_path / "code.7z"
    path.write_bytes(whole)
    report = one(path)
    assert codes(report) == []
    assert report.members == 2
    assert report.content_bytes == len(NOISE) + 5000
    spoilt = bytearray(whole)
    spoilt[len(whole) // 2] ^= 1
    for content in (whole[: len(whole) // 2], whole[:-20], bytes(spoilt)):
        path.write_bytes(content)
        assert not one(path).ok


@pytest.mark.judge("7z")
def test_a_7z_file_with_a_password_is_opened_by_it_alone(way: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "code.7z"
    path.write_bytes(seven_zip_of(tmp_path, "-mhe=on", "-psecret word"))
    assert codes(one(path)) == ["file-not-judged"]
    assert codes(one(path, password=b"secret word")) == []
    assert not one(path, password=b"another").ok


@pytest.mark.judge("7z")
def test_a_zip_file_with_a_password_is_opened_by_it_alone(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").write_bytes(NOISE)
    path = tmp_path / "code.zip"
    words = ["7z", "a", "-bd", "-mem=AES256", "-psecret", str(path), "a"]
    subprocess.run(words, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    assert codes(one(path)) == ["file-not-judged"]
    assert codes(one(path, password=b"secret")) == []
    assert not one(path, password=b"another").ok


# -- encrypted -----------------------------------------------------------------------------------


def encrypt_by_gpg(path: pathlib.Path, home: pathlib.Path) -> pathlib.Path:
    home.mkdir(mode=0o700)
    words = ("gpg", "--batch", "--homedir", str(home), "--pinentry-mode", "loopback", "--passphrase", "secret")
    subprocess.run([*words, "--s2k-count", "1024", "--symmetric", "--cipher-algo", "AES256", str(path)], check=True)
    path.unlink()
    return path.with_name(path.name + ".gpg")


@pytest.mark.judge("gpg")
def test_a_file_that_gpg_encrypted_is_opened_and_judged(tmp_path: pathlib.Path) -> None:
    plain = tmp_path / "db.sql.gz"
    plain.write_bytes(gzip.compress(SCRIPT))
    path = encrypt_by_gpg(plain, tmp_path / "home")
    assert codes(one(path)) == ["file-not-judged"]
    report = one(path, password=b"secret")
    assert codes(report) == []
    assert report.form == "sql.gz.gpg"
    assert not one(path, password=b"another").ok


@pytest.mark.judge("gpg")
def test_an_archive_that_gpg_encrypted_is_proved_by_gpg(tmp_path: pathlib.Path) -> None:
    plain = tmp_path / "code.zip"
    plain.write_bytes(MAKERS["zip"]())
    path = encrypt_by_gpg(plain, tmp_path / "home")
    assert codes(one(path, password=b"secret")) == []
    content = path.read_bytes()
    path.write_bytes(content[:-30] + b"1" + content[-29:])
    assert not one(path, password=b"secret").ok


@pytest.mark.judge("openssl")
@pytest.mark.parametrize("options", ["", "-pbkdf2 -iter 600000 -md sha256"])
def test_a_file_that_openssl_encrypted_is_opened_and_judged(options: str, tmp_path: pathlib.Path) -> None:
    plain, path = tmp_path / "db.sql.gz", tmp_path / "db.sql.gz.enc"
    plain.write_bytes(MAKERS["sql.gz"]())
    words = ["openssl", "enc", "-aes-256-cbc", "-salt", *options.split(), "-pass", "pass:secret"]
    subprocess.run([*words, "-in", plain, "-out", path], check=True, stderr=subprocess.DEVNULL)
    assert codes(one(path, password=b"secret")) == []
    if options:
        return  # each try costs what that derivation is meant to cost
    assert not one(path, password=b"another").ok
    path.write_bytes(path.read_bytes()[:-16])
    assert not one(path, password=b"secret").ok
    path.write_bytes(b"no salt at all, and no file of openssl")
    assert not one(path, password=b"secret").ok


@pytest.mark.judge("openssl")
@pytest.mark.parametrize(
    ("name", "content", "salt"),
    [
        ("rows.json", b'[{"a": 1}, {"a": 2}, {"a": 3}]', 51),
        ("app.env", b"A=1\n" * 50, 27),
        ("db.sql", SCRIPT, 46),
    ],
)
def test_what_a_wrong_derivation_makes_of_a_file_is_not_taken_for_its_content(
    name: str, content: bytes, salt: int, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With these salts, the derivation that is tried before the right one makes something that begins as JSON does."""
    monkeypatch.setattr(reading, "WAYS", {"openssl": WAYS["openssl"][1:]})  # the first costs half a second
    path = tmp_path / f"{name}.enc"
    words = ["openssl", "enc", "-aes-256-cbc", "-pass", "pass:secret"]
    made = subprocess.run([*words, "-S", f"{salt:016x}"], input=content, check=True, capture_output=True).stdout
    # since release 3 it leaves out a salt that was given
    path.write_bytes(made if made.startswith(b"Salted__") else b"Salted__" + salt.to_bytes(8, "big") + made)
    tried = subprocess.run([*words, "-d", "-nopad", "-pbkdf2", "-in", path], check=True, capture_output=True).stdout
    assert tried[:1] in {b"{", b"["}
    report = one(path, password=b"secret")
    assert report.ok
    assert report.form == {"app.env": "bytes.enc"}.get(name, f"{name.partition('.')[2]}.enc")
    assert report.content_bytes == len(content)
    assert codes(one(path, password=b"another")) == ["file-damaged"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("app.log", b"[2026-01-01 00:00] started\n"),
        ("my.ini", b"[section]\na=1\n"),
        ("rows.jsonl", b'{"a":1}\n{"a":2}\n'),
        ("note", "École\n".encode()),
        ("letter.txt", "école\n".encode() * 2000),
        ("old.txt", "École, été, à Évry\n".encode("latin-1") * 500),
    ],
)
def test_a_text_is_bytes_whatever_it_begins_with_and_its_sum_settles_it(
    name: str, content: bytes, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    report = one(path)
    assert (report.form, codes(report)) == ("bytes", ["file-not-judged"])
    assert "no form that is known" in report.findings[0].template
    (tmp_path / f"{name}.sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    assert codes(one(path)) == []


SIGNED = bytes.fromhex("881404000108") + bytes(16)  # a packet of a signature
KEY = bytes.fromhex("980d046000000001") + bytes(7) + bytes.fromhex("b40561406f7267")  # a key, and whose it is


def in_letters(content: bytes, kind: str, checksum: str | None = None) -> str:
    if checksum is None:
        crc = 0xB704CE
        for byte in content:  # as RFC 4880 has it
            crc ^= byte << 16
            for _ in range(8):
                crc <<= 1
                crc ^= 0x1864CFB if crc & 0x1000000 else 0
        checksum = "=" + base64.b64encode(crc.to_bytes(3, "big")).decode() + "\n"
    text = base64.encodebytes(content).decode()
    return f"-----BEGIN PGP {kind}-----\nVersion: 2\n\n{text}{checksum}-----END PGP {kind}-----\n"


LETTERS = {
    "SIGNATURE": in_letters(SIGNED, "SIGNATURE"),
    "PUBLIC KEY BLOCK": in_letters(KEY, "PUBLIC KEY BLOCK"),
    "SIGNED MESSAGE": "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nHello\n" + in_letters(SIGNED, "SIGNATURE"),
    "without a sum": in_letters(SIGNED, "SIGNATURE", ""),
}


@pytest.mark.parametrize("kind", LETTERS)
def test_a_signature_or_a_public_key_is_not_called_encrypted(kind: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "X.tar.gz.asc"
    path.write_text(LETTERS[kind])
    report = one(path, password=b"x")
    assert report.ok
    assert "is a signature or a key" in report.findings[0].template


@pytest.mark.parametrize("content", [SIGNED, SIGNED * 2, KEY])
def test_signatures_and_keys_are_known_without_letters_too_and_read_to_their_ends(
    content: bytes, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "X.tar.gz.sig"
    path.write_bytes(content)
    assert "is a signature or a key" in one(path).findings[0].template
    path.write_bytes(content[:-1])
    assert codes(one(path)) == ["file-damaged"]


@pytest.mark.parametrize("content", [SIGNED, LETTERS["SIGNATURE"].encode()])
def test_what_is_larger_than_signatures_are_is_not_judged(
    content: bytes, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rebond.operations.checking_files.reading.MOST_BYTES", 1000)
    path = tmp_path / "keys.asc"
    path.write_bytes(content * (1000 // len(content) + 1))
    report = one(path)
    assert (report.form, codes(report)) == ("bytes", ["file-not-judged"])
    assert "not judged" in report.findings[0].template


def test_many_packets_are_walked_without_copying_what_follows_them() -> None:
    class Counted(bytes):
        taken = 0

        def __getitem__(self, key: Any) -> Any:
            piece = super().__getitem__(key)
            Counted.taken += len(piece) if isinstance(piece, bytes) else 1
            return Counted(piece) if isinstance(piece, bytes) else piece

    content = Counted(KEY * 1000)
    assert is_whole(content)
    assert Counted.taken < 2 * len(content)
    assert not is_whole(KEY * 1000 + KEY[:-1])


@pytest.mark.parametrize("kind", LETTERS)
def test_what_is_cut_or_changed_in_a_signature_or_a_key_is_told(kind: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "X.tar.gz").write_bytes(b"")
    path, text = tmp_path / "X.tar.gz.asc", LETTERS[kind]
    for begin in range(text.index("-----", 10) + 6, len(text) - 2, 7):
        path.write_text(text[:begin])
        assert codes(one(path)) == ["file-damaged"], text[:begin]
    path.write_text(text.replace("\n", "\r\n"))
    assert one(path).ok
    changed = {"iB": "iC", "mA": "mB", "-----END": "----END", "AAAA": "A?AA"}
    for before, after in changed.items():
        if before in text:
            path.write_text(text.replace(before, after, 1))
            assert codes(one(path)) == ["file-damaged"], before


def test_a_signature_in_a_folder_is_one_of_what_lies_beside_it_and_a_key_no_backup(tmp_path: pathlib.Path) -> None:
    (tmp_path / "shop.tar.gz").write_bytes(gzip.compress(tar_of(a=b"1")))
    (tmp_path / "shop.tar.gz.asc").write_text(LETTERS["SIGNATURE"])
    (tmp_path / "KEYS.asc").write_text(LETTERS["PUBLIC KEY BLOCK"])
    outcome = verify(tmp_path)
    assert [(os.path.basename(each.path), each.form, codes(each)) for each in outcome.files] == [
        ("shop.tar.gz", "tar.gz", []),
        ("shop.tar.gz.asc", "signature", []),
    ]
    (note,) = outcome.findings
    assert (note.severity, note.values["name"]) == ("note", "KEYS.asc")

    (tmp_path / "shop.tar.gz").unlink()
    assert codes(one(tmp_path / "shop.tar.gz.asc")) == ["file-not-judged"], "there is no backup beside it"


def test_an_encrypted_file_in_letters_that_was_cut_is_told_without_a_password(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "shop.asc"
    content = bytes.fromhex("8c0d04090302") + bytes(9) + bytes.fromhex("d2ea01") + bytes(3000)
    path.write_text(in_letters(content, "MESSAGE"))
    assert codes(one(path)) == ["file-not-judged"]
    path.write_text(in_letters(content, "MESSAGE")[:-40])
    assert codes(one(path)) == ["file-damaged"]
    to_a_key = bytes.fromhex("85010c03") + bytes(8) + b"\1\x08" + bytes(257) + bytes.fromhex("d2ea01") + bytes(3000)
    for text in (in_letters(to_a_key, "MESSAGE"), in_letters(to_a_key[:500], "MESSAGE").replace("Version: 2\n", "")):
        path.write_text(text)
        assert "encrypted to a key" in one(path, password=b"x").findings[0].template


REAL_HEADS = [
    SIGNED,
    KEY,
    bytes.fromhex("8c0d04090302") + bytes(9) + bytes.fromhex("d2ea01") + bytes(30),
    bytes.fromhex("85010c03") + bytes(8) + b"\1\x08" + bytes(257) + bytes.fromhex("d2ea01") + bytes(30),
    bytes.fromhex("c31e050902030c") + bytes(25),
    bytes.fromhex("c33c061a09021103") + bytes(60),
    bytes.fromhex("c306060709020103"),
]


def test_a_beginning_of_any_length_is_looked_at_without_a_fault(tmp_path: pathlib.Path) -> None:
    path, rng = tmp_path / "photo", random.Random(6)
    path.write_bytes(bytes(9000))
    heads = [head[:end] for head in REAL_HEADS for end in range(len(head) + 1)]
    heads += [head[:1] + bytes((length,)) + head[2 : 2 + length] for head in REAL_HEADS for length in range(16)]
    for tag in (0x84, 0x88, 0x8C, 0x94, 0x98, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6):
        for length in range(14):
            for _ in range(60):
                body = rng.randbytes(length + rng.randrange(8))
                heads.append(bytes((tag, length, rng.randrange(8))) + bytes(each % 20 for each in body))
    with open(path, "rb") as file:
        for head in heads:
            recognise_encryption(head, file)
            is_signature_or_key(head)
            is_for_a_key_alone(head)
            is_whole(head)
        assert recognise_encryption(bytes.fromhex("c30406070201"), file) is None


def test_random_bytes_do_not_pass_for_encrypted_nor_for_signatures(tmp_path: pathlib.Path) -> None:
    """Of each pair of bytes that a file may begin with, some files; one in 120 passed for encrypted once."""
    path, rng = tmp_path / "photo", random.Random(5)
    path.write_bytes(bytes(9000))
    with open(path, "rb") as file:
        for first in range(0x80, 0x100):
            for second in range(0x100):
                head = bytes((first, second)) + rng.randbytes(300)
                assert recognise_encryption(head, file) is None, head[:20].hex()
                assert not is_signature_or_key(head), head[:20].hex()


@pytest.mark.parametrize(
    "content",
    [
        bytes.fromhex("8c0d04090302") + bytes(9) + bytes.fromhex("d2ea01") + bytes(3000),  # gpg -c
        bytes.fromhex("85010c03") + bytes(8) + b"\1\x08" + bytes(257) + bytes.fromhex("d2ea01") + bytes(3000),  # gpg -e
        bytes.fromhex("c9ea") + bytes(1024) + b"\x64" + bytes(100),  # of old, without more
        bytes.fromhex("a6000003e8") + bytes(1000),
        bytes.fromhex("d23601") + bytes(53),
    ],
)
def test_what_openpgp_encrypted_is_known_by_its_packets_and_its_sum_settles_it(
    content: bytes, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "shop"
    path.write_bytes(content)
    assert "is encrypted" in one(path).findings[0].template, content[:4]
    (tmp_path / "shop.sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  shop\n")
    assert codes(one(path)) == []
    path = tmp_path / "shop.gpg"  # what its name promises, a sum does not prove
    path.write_bytes(content)
    (tmp_path / "shop.gpg.sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  shop.gpg\n")
    assert codes(one(path)) == ["file-not-judged"]


@pytest.mark.parametrize("name", ["zeros.img", "zeros", "zeros.img.gz"])
def test_zeros_are_told_as_zeros(name: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(bytes(20_000)) if name.endswith("gz") else bytes(20_000))
    assert "holds only zeros" in one(path).findings[0].template
    assert one(path).ok


def test_a_folder_is_looked_into_by_beginnings_too_and_says_what_it_passes_over(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of(a=b"1"))
    assert verify(tmp_path).findings == ()
    (tmp_path / "b.bak").write_bytes(b"PGDMP\1\2")
    (tmp_path / "c").write_bytes(gzip.compress(NOISE)[:-9])
    (tmp_path / "d.backup").write_bytes(b"no dump")
    (tmp_path / "e.bak").write_bytes(b"plain text")
    (tmp_path / "f.rar").write_bytes(b"Rar!")
    (tmp_path / "g.sql").symlink_to("gone.sql")
    (tmp_path / "h.ini").write_bytes(b"[a]\n")
    (tmp_path / "h.ini.sha256").write_text(f"{hashlib.sha256(b'[a]' + bytes([10])).hexdigest()}  h.ini\n")
    outcome = verify(tmp_path)
    assert {os.path.basename(each.path): codes(each) for each in outcome.files} == {
        "a.zip": [],
        "b.bak": ["file-damaged"],
        "c": ["file-damaged"],
        "d.backup": ["file-not-judged"],
        "g.sql": ["file-missing"],
        "h.ini": [],
    }
    (note,) = outcome.notes
    assert (note.severity, note.values["count"], note.values["name"]) == ("note", 2, "e.bak")
    assert note in outcome.findings


def test_a_file_for_a_key_is_not_called_damaged_because_a_password_does_not_open_it(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "shop.tar.gpg"
    path.write_bytes(
        (bytes.fromhex("85010c03") + bytes(8) + b"\1\x08" + bytes(257)) * 2 + bytes.fromhex("d2ea01") + bytes(3000)
    )
    report = one(path, password=b"x")
    assert codes(report) == ["file-not-judged"]
    assert "encrypted to a key" in report.findings[0].template
