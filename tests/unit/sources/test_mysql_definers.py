"""Which users a dump of MySQL or MariaDB names as those in whose name something runs, and which only rows name."""

from pathlib import Path

import pytest

from rebond.sources.servers import mysql_definers
from rebond.sources.servers.mysql_definers import find_definers

VIEW = "/*!50013 DEFINER=`app`@`%` SQL SECURITY DEFINER */\n"
TRIGGER = "/*!50003 CREATE*/ /*!50017 DEFINER=`odd``name`@`localhost`*/ /*!50003 TRIGGER t AFTER INSERT ON a\n"
ROWS = "INSERT INTO `help_topic` VALUES\n(1,'CREATE DEFINER=`foo`@`localhost` EVENT e'),\n(2,'x');\n"
IN_ONE_LINE = "INSERT INTO `help_topic` VALUES (1,'CREATE DEFINER=`foo`@`localhost` EVENT e'),(2,'x');\n"
APP, ODD = "`app`@`%`", "`odd``name`@`localhost`"


@pytest.mark.parametrize("block", [7, 64, 1 << 20])
@pytest.mark.parametrize(
    ("text", "users"),
    [
        pytest.param("", (), id="nothing"),
        pytest.param(VIEW, (APP,), id="a view"),
        pytest.param(VIEW.rstrip("\n"), (APP,), id="without an end of line"),
        pytest.param(VIEW + TRIGGER + VIEW, (APP, ODD), id="each once"),
        pytest.param(ROWS, (), id="rows alone"),
        pytest.param(IN_ONE_LINE, (), id="rows in one line"),
        pytest.param(ROWS + VIEW + IN_ONE_LINE + TRIGGER + ROWS, (APP, ODD), id="rows between"),
        pytest.param("REPLACE INTO `t` VALUES ('" + VIEW.strip() + "');\n" + VIEW, (APP,), id="replaced rows"),
    ],
)
def test_users_are_named_by_definitions_and_not_by_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, text: str, users: tuple[str, ...]
) -> None:
    monkeypatch.setattr(mysql_definers, "_BLOCK_BYTES", block)
    (tmp_path / "dump").write_text(text)

    assert find_definers(tmp_path / "dump").users == users


@pytest.mark.parametrize("block", [5, 1 << 20])
def test_a_dump_of_the_servers_own_database_brings_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(mysql_definers, "_BLOCK_BYTES", block)
    (tmp_path / "dump").write_text(f"USE `shop`;\n{IN_ONE_LINE}USE `mysql`;\n{VIEW}")
    assert find_definers(tmp_path / "dump").are_brought
    (tmp_path / "dump").write_text(f"USE `shop`;\nINSERT INTO t VALUES ('\\nUSE `mysql`;');\n{VIEW}")
    assert not find_definers(tmp_path / "dump").are_brought
