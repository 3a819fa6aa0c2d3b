"""What is wrong with what a server or a container sent is said in the reader's language, to the last word."""

import hashlib
import io
import tarfile
from collections.abc import Callable

import pytest

from rebond.errors import CommandFailed
from rebond.language import translate, translate_values
from rebond.sources.postgres_physical.manifest import Manifest, ManifestFile, compare
from rebond.sources.tar.judging import TarReader
from rebond.wording import fill

SUM = hashlib.sha256(b"abc").hexdigest()
ENGLISH = {"is", "it", "its", "not", "of", "in", "did", "came", "another", "kind"}


class Stream:
    """A program's output that ends well."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readinto(self, buffer: memoryview, /) -> int:
        return self._content.readinto(buffer)

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


def tar_without_it() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("other"))
    reader = TarReader(Stream(packed.getvalue()), program="docker", needed=b"backup_manifest")
    while reader.readinto(memoryview(bytearray(4096))):
        pass
    reader.finish()


def manifest(size: int = 3, checksum: str = SUM, algorithm: str = "SHA256") -> Manifest:
    return Manifest(
        files={b"base/1": ManifestFile(size=size, path="base/1", algorithm=algorithm, checksum=checksum)}, ranges=()
    )


CASES: dict[str, Callable[[], None]] = {
    "backup_manifest n'y est pas": tar_without_it,
    "il n'est pas arrivé": lambda: compare(manifest(), {}, "SHA256"),
    "il n'est pas dans le manifeste": lambda: compare(manifest(), {b"base/1": (3, SUM), b"more": (3, SUM)}, "SHA256"),
    "3 octets sur 4 sont arrivés": lambda: compare(manifest(size=4), {b"base/1": (3, SUM)}, "SHA256"),
    "du type CRC32C, pas SHA256": lambda: compare(manifest(algorithm="CRC32C"), {b"base/1": (3, SUM)}, "SHA256"),
    "sa somme est une autre": lambda: compare(manifest(checksum="00"), {b"base/1": (3, SUM)}, "SHA256"),
}


@pytest.mark.parametrize("words", CASES)
def test_every_word_of_the_damage_is_french(words: str) -> None:
    with pytest.raises(CommandFailed) as told:
        CASES[words]()
    error = told.value
    text = fill(translate(error.template, "fr"), translate_values(error.values, "fr"))
    assert words in text
    assert not ENGLISH.intersection(text.replace(",", " ").replace(".", " ").split()), text
    assert error.hint
    assert "{" not in error.message
