"""PostgreSQL's own programs, where the server is: which there are, and which of them fits a server."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rebond.errors import SourceUnfit
from rebond.sources.postgres.server import OpenProgram
from rebond.sources.streams.whole_output import read_output

_FOLDERS = "/usr/lib/postgresql/*/bin/pg_dump /usr/pgsql-*/bin/pg_dump"  # where packages put every version beside
# Debian's pg_dump on the PATH is a script that starts one of those: to ask it alone takes longer than all of them.
_FIND = """\
found=
for each in $1 "$(command -v pg_dump)"; do
  [ -x "$each" ] || continue
  if [ -n "$found" ] && [ -L "$each" ]; then
    case $(readlink "$each") in */postgresql-common/pg_wrapper) continue ;; esac
  fi
  found=yes
  printf '%s\\t%s\\n' "$each" "$("$each" --version)"
done
"""
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """The programs of one version, by where they lie."""

    major: int
    psql: str
    pg_dump: str
    pg_dumpall: str


def find_programs(open_program: OpenProgram) -> list[Programs]:
    """Return those that are there, the newest first. Raises ``SourceUnfit`` when there are none."""
    answer = read_output(
        lambda: open_program(("sh", "-c", _FIND, "sh", _FOLDERS), seconds=_SECONDS, label="sh"), program="pg_dump"
    )
    found: dict[int, Programs] = {}
    for line in answer.decode(errors="surrogateescape").splitlines():
        path, _, words = line.partition("\t")
        if version := _VERSION.search(words):
            folder = path.removesuffix("pg_dump")
            major = int(version[1])
            found.setdefault(
                major,
                Programs(
                    major=major, psql=f"{folder}psql", pg_dump=f"{folder}pg_dump", pg_dumpall=f"{folder}pg_dumpall"
                ),
            )
    if not found:
        raise SourceUnfit(
            "The programs of PostgreSQL (psql, pg_dump) are not installed there.",
            hint="Install them: apt-get install postgresql-client; or name a container that has them with 'in'.",
        )
    return [found[major] for major in sorted(found, reverse=True)]


def choose_programs(programs: Sequence[Programs], server_major: int) -> Programs:
    """Return the oldest that are not older than the server. Raises ``SourceUnfit`` when all are."""
    fitting = [each for each in programs if each.major >= server_major]
    if not fitting:
        raise SourceUnfit(
            "The server is PostgreSQL {server}, and pg_dump is of version {client}: an older one cannot save it.",
            hint="Install a newer one: apt-get install postgresql-client-{server}.",
            server=server_major,
            client=programs[0].major,
        )
    return min(fitting, key=lambda each: each.major)
