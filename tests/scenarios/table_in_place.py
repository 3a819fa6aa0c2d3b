"""A database of any version whose tables are saved, changed by somebody, and come back in their place."""

import json
import os
import pathlib
import re
from typing import Any

from tests.unit.cli.program_runs import Answer, Program

from rebond.testing.postgres_server import PostgresServer

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
[vault]
url = "../vault"
key = { file = "../owner.key" }
[component.db]
kind = "postgres"
host = "HOST"
database = "shop"
user = "postgres"
[restore]
stop = [{ run = "touch ../was-stopped" }]
"""
# What pg_dump does not tell: which triggers of the server act, and which keys were judged. Their names are made anew.
KEYS = """
SELECT k.conrelid::regclass::text, k.confrelid::regclass::text, t.tgrelid::regclass::text, p.proname, t.tgenabled
FROM pg_trigger t JOIN pg_constraint k ON k.oid = t.tgconstraint JOIN pg_proc p ON p.oid = t.tgfoid
ORDER BY 1, 2, 3, 4, 5;
SELECT conrelid::regclass::text, confrelid::regclass::text, pg_get_constraintdef(oid), convalidated,
  coalesce(obj_description(oid, 'pg_constraint'), '') FROM pg_constraint
WHERE connamespace::regnamespace::text !~ '^(pg_|rebond)' ORDER BY 1, 2, 3, 4;
"""


class TableInPlace:
    """A stack of one database, saved once."""

    def __init__(self, folder: pathlib.Path, server: PostgresServer, tables: str) -> None:
        self.server, self.folder = server, folder
        server.sql("DROP DATABASE IF EXISTS shop WITH (FORCE)")
        server.sql("CREATE DATABASE shop")
        self.sql(tables)
        (folder / "stack").mkdir(parents=True)
        self.configuration = folder / "stack" / "rebond.toml"
        self.configuration.write_text(CONFIGURATION.replace("HOST", server.socket_folder))
        self.program = Program.with_vault(folder)
        self.program.leave_vault_to_configuration()
        self.program.environment["REBOND_CONFIG"] = str(self.configuration)
        self.program.environment["PATH"] = f"{server.programs}:{os.environ['PATH']}"
        self.program.good("backup", "db")

    def sql(self, text: str) -> str:
        return self.server.sql(text, "shop")

    def everything(self) -> str:
        """Return all that is in the database, but for what a restore keeps beside."""
        dumped = self.server.dump("shop", "--exclude-schema=rebond_*")
        return re.sub(r"RI_ConstraintTrigger_(.)_\d+", r"\1", dumped) + self.sql(KEYS)

    def rows(self, table: str) -> list[str]:
        return sorted(self.sql(f"SELECT t::text FROM ONLY {table} t").splitlines())

    def schemas(self) -> list[str]:
        return self.sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'rebond%'").split()

    def was_stopped(self) -> bool:
        return (self.folder / "was-stopped").exists()

    def restore(self, *tables: str, more: tuple[str, ...] = ()) -> Answer:
        named = [word for each in tables for word in ("--table", each)]
        return self.program("restore", "latest", "db", "--in-place", "--yes", "--json", *named, *more)

    def refuse(self, *tables: str) -> dict[str, Any]:
        """Restore what has to be refused before anything is stopped; return what is told."""
        before = self.everything()
        answer = self.restore(*tables)
        assert (answer.status, self.was_stopped()) == (40, False), answer.out + answer.err
        assert (self.everything(), self.schemas()) == (before, [])
        told: dict[str, Any] = json.loads(answer.out)["error"]
        return told

    def bring_back(self, *tables: str) -> Answer:
        answer = self.restore(*tables)
        assert answer.status == 0, answer.out + answer.err
        return answer

    def undo(self) -> Answer:
        return self.program("restore", "--rollback", "latest", "--yes", "--json")
