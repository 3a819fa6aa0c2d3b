"""What is judged of the rights that a MySQL server shows, of versions that are not at hand."""

import pytest

from rebond.sources.servers.mysql import MysqlServer
from rebond.sources.servers.mysql_looks import build_look, list_findings, read_looks

ALL = "GRANT ALL PRIVILEGES ON *.* TO `k`@`%`"


def judge(*lines: str, databases: tuple[str, ...] = ("*",)) -> dict[str, str]:
    looks = read_looks("\n".join(lines).encode())
    found = list_findings(looks, MysqlServer(databases=databases), "db")
    return {each.code: str(each.values["names"]) for each in found}


def test_a_right_that_was_taken_back_leaves_open_what_is_seen() -> None:
    taken = "REVOKE SELECT ON `secret`.* FROM `k`@`%`"
    assert judge(ALL) == {}
    assert judge(ALL, taken) == {"unseen-unknown": "secret"}
    assert judge(ALL, taken, databases=("secret", "shop")) == {"unseen-unknown": "secret"}
    assert judge(ALL, taken, databases=("shop",)) == {}
    assert judge(ALL, "REVOKE INSERT, UPDATE ON `mysql`.* FROM `k`@`%`") == {}  # no dump has it


@pytest.mark.parametrize("name", ["`shop`", '"shop"'])
def test_names_are_read_in_either_kind_of_quotes(name: str) -> None:
    grant = f"GRANT SELECT, TRIGGER, EXECUTE ON {name}.* TO 'k'@'%'"
    assert judge(grant, databases=("shop",)) == {}
    assert "unseen-tables" in judge(grant, databases=("other",))
    role = grant.partition(" ON ")[0].replace("SELECT, TRIGGER, EXECUTE", name) + " TO 'k'@'%'"
    assert judge(role, databases=("shop",)) == {}  # what a role may is not known


def test_a_column_that_old_servers_lack_is_asked_for_in_a_comment_that_they_do_not_read() -> None:
    (asked,) = [each for each in build_look(MysqlServer(databases=("*",))) if each.startswith("--execute=")]
    begin, column = asked.index("/*M!100300"), asked.index("generation_expression")
    assert begin < column < asked.index("*/", begin)
