"""How tests reach a server that runs here: its programs are started as they are, beside the test."""

import os
from collections.abc import Sequence

from rebond.secret import Secret
from rebond.sources.postgres.programs import find_programs
from rebond.sources.postgres.server import PostgresServer as Address
from rebond.sources.postgres.session import Access
from rebond.sources.streams.readers import CommandReader
from rebond.testing.postgres_server import PostgresServer


def find_access(server: PostgresServer, user: str = "postgres") -> Access:
    return Access(
        server=Address(host=server.socket_folder, user=user),
        programs=find_programs(open_here)[0],
        open_program=open_here,
    )


def open_here(
    words: Sequence[str],
    *,
    given: Secret | None = None,
    seconds: float | None = None,
    label: str = "",
    keeps_input: bool = False,
) -> CommandReader:
    return CommandReader(
        words, environment=os.environ, given=given, label=label, keeps_input=keeps_input, idle_seconds=60
    )
