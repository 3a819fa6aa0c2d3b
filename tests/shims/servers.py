"""Stand-ins for mysqldump and mysql, by both their names, and redis-cli: a password comes by input."""

import pathlib
import sys

from rebond.sources.servers.crc64 import Crc64

PASSWORD = 'ge"h#e im\\'
_MYSQLDUMP = r"""
import os, pathlib, signal, sys
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
words = sys.argv[1:]
assert words[0] == "--defaults-extra-file=/dev/stdin", words
assert "MYSQL_PWD" not in os.environ
assert "--single-transaction" in words
login = pathlib.Path("/dev/stdin").read_text()
if 'password="ge\\"h#e im\\\\"' not in login:
    sys.stderr.write("mysqldump: Got error: 1045: Access denied\n")
    sys.exit(2)
sys.stdout.write("-- MariaDB dump\nINSERT INTO t VALUES (1);\n" * 20000)
if not os.environ.get("DUMP_WITHOUT_END"):
    sys.stdout.write("\n-- Dump completed\n")
"""
_MYSQL = r"""
import pathlib, sys
words = sys.argv[1:]
assert words[0] == "--defaults-extra-file=/dev/stdin" and "--batch" in words, words
if 'password="ge\\"h#e im\\\\"' not in pathlib.Path("/dev/stdin").read_text():
    sys.stderr.write("ERROR 1045 (28000): Access denied\n")
    sys.exit(1)
sys.stdout.write("GRANT ALL PRIVILEGES ON *.* TO `keeper`@`localhost`\n")
"""
_REDIS = r"""
import os, pathlib, signal, sys
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
words = sys.argv[1:]
assert "-a" not in words and "REDISCLI_AUTH" not in os.environ
assert words[-2:] == ["--rdb", "-"] and "--askpass" in words, words
if sys.stdin.readline() != PASSWORD + "\n":
    sys.stderr.write("AUTH failed: WRONGPASS\n")
    sys.exit(1)
dump = pathlib.Path(os.environ["SHIM_RDB"]).read_bytes()
sys.stdout.buffer.write(dump[: int(os.environ.get("DUMP_CUT", len(dump)))] + b"0123456789" * 4)
"""


def place_servers(folder: pathlib.Path) -> None:
    """Put the programs into ``folder``, where they are found before any that is installed."""
    programs = {
        "mariadb-dump": _MYSQLDUMP,
        "mysqldump": _MYSQLDUMP,
        "mariadb": _MYSQL,
        "mysql": _MYSQL,
        "redis-cli": f"PASSWORD = {PASSWORD!r}\n" + _REDIS,
    }
    for name, text in programs.items():
        script = folder / f"{name}.py"
        script.write_text(text)
        (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {script} "$@"\n')
        (folder / name).chmod(0o755)


def make_dump_of_redis(content: bytes) -> bytes:
    """Return a dump with a good end."""
    body = b"REDIS0011" + content + b"\xff"
    crc = Crc64()
    crc.add(body)
    return body + crc.value.to_bytes(8, "little")
