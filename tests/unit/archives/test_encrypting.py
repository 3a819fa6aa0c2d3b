"""Programs that encrypt an export: what ends it early is told as what it was."""

import errno
import os
from typing import BinaryIO, cast

import pytest

from rebond.archives.encrypting import encrypted_sink
from rebond.secret import Secret

CONTENT = bytes(1 << 20)


class FullDisk:
    """A file for which there is no room."""

    def write(self, _: object) -> int:
        """Take nothing."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("method", [pytest.param(each, marks=pytest.mark.judge(each)) for each in ("gpg", "openssl")])
def test_a_full_disk_is_told_as_such_to_who_still_writes(method: str) -> None:
    def write_much() -> None:
        with encrypted_sink(cast(BinaryIO, FullDisk()), method, Secret(b"of the export")) as sink:
            for _ in range(2000):
                sink.write(CONTENT)

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        write_much()
