"""``rebond init`` beside a PostgreSQL that runs: what it proposes works once it is uncommented."""

import pathlib
import re
import tomllib

import pytest
from tests.unit.cli.program_runs import Program

from rebond.testing.postgres_server import PostgresServer

pytestmark = pytest.mark.judge("postgres")


def test_a_server_that_answers_is_proposed_and_what_is_proposed_saves_it(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = tmp_path / "shop"
    stack.mkdir()
    (stack / "page.txt").write_text("hello")
    monkeypatch.chdir(stack)
    program = Program(tmp_path)
    del program.environment["REBOND_VAULT"], program.environment["REBOND_PASSPHRASE"]
    with PostgresServer() as server:
        server.sql("CREATE DATABASE shop")
        server.sql("CREATE TABLE orders AS SELECT generate_series(1, 5) AS number", "shop")
        home = tmp_path / "home"
        program.environment |= {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "PATH": f"{server.programs}:/bin:/usr/bin",
            "PGHOST": server.socket_folder,
        }
        program.good("init", "--yes", "--vault", tmp_path / "vault")
        text = (stack / "rebond.toml").read_text()
        block = re.search(
            rf'(?m)^# \[component\.[\w-]+\]\n(# .+\n)*# host +=.*{re.escape(server.socket_folder)}"\n(# .+\n)*', text
        )
        assert block, text
        lines = re.sub(r"(?m)^# ", "", block[0])
        assert tomllib.loads(lines)["component"]
        (stack / "rebond.toml").write_text(text.replace(block[0], lines))

        codes = [each["code"] for each in program("doctor", "--json").document["findings"] if each["command"]]
        assert codes == ["not-started"]
        document = program.ask("backup")
        assert document["state"] == "whole"
        program.good("restore", "latest", "--to", tmp_path / "back")
    saved = {
        each.relative_to(tmp_path / "back").as_posix() for each in (tmp_path / "back").rglob("*") if each.is_file()
    }
    assert any(each.endswith("shop/pre-data.sql") for each in saved), saved
