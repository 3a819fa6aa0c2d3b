"""Dumps of MySQL and Redis in a drill: whole or not, and asked of the programs that are here."""

import os
import pathlib

import pytest
from tests.shims.servers import make_dump_of_redis

from rebond.errors import CommandFailed
from rebond.operations.drills.outcomes import Answer, Check
from rebond.stack.drills.dumps import make_dump_questions


def ask(folder: pathlib.Path, kind: str, programs: pathlib.Path) -> list[Check]:
    questions = make_dump_questions("cache", kind, folder, {"PATH": str(programs)})
    return [check for question in questions for check in question.ask()]


def place(folder: pathlib.Path, text: str) -> pathlib.Path:
    path = folder / "bin" / "redis-check-rdb"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path.parent


@pytest.fixture
def dumps(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


def test_a_whole_dump_without_a_program_is_proved_in_part_and_the_program_is_named(dumps: pathlib.Path) -> None:
    (dumps / "cache.rdb").write_bytes(make_dump_of_redis(b"x" * 9000))
    whole, loaded = ask(dumps, "redis", dumps)
    assert (whole.code, whole.answer) == ("dump-whole", Answer.PASS)
    assert loaded.answer is Answer.NOT_RUN
    assert "redis-check-rdb" in loaded.message


def test_the_servers_own_program_is_asked_where_it_is(dumps: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (dumps / "cache.rdb").write_bytes(make_dump_of_redis(b"x" * 9000))
    programs = place(tmp_path, 'test -s "$1"')
    assert [each.answer for each in ask(dumps, "redis", programs)] == [Answer.PASS, Answer.PASS]
    (programs / "redis-check-rdb").write_text("#!/bin/sh\necho 'Unknown opcode' >&2\nexit 1\n")
    with pytest.raises(CommandFailed, match="Unknown opcode"):
        ask(dumps, "redis", programs)


def test_a_dump_that_was_cut_or_changed_is_named(dumps: pathlib.Path) -> None:
    content = make_dump_of_redis(os.urandom(9000))
    (dumps / "cache.rdb").write_bytes(content[:-20])
    with pytest.raises(CommandFailed, match="not whole"):
        ask(dumps, "redis", dumps)
    (dumps / "cache.rdb").write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
    with pytest.raises(CommandFailed, match="not whole"):
        ask(dumps, "redis", dumps)


def test_a_dump_of_mysql_wants_its_last_line(dumps: pathlib.Path) -> None:
    (dumps / "shop.sql").write_text("CREATE TABLE t (id int);\n-- Dump completed on 2026-02-04\n")
    (whole,) = ask(dumps, "mysql", dumps)
    assert whole.answer is Answer.PASS
    (dumps / "shop.sql").write_text("CREATE TABLE t (id int);\nINSERT INTO t VALUES (1")
    with pytest.raises(CommandFailed, match="last line"):
        ask(dumps, "mysql", dumps)
