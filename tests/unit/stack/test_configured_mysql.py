"""What is told of a dump of MySQL where its tool is there and its client is not."""

import pathlib
import shutil

from tests.unit.config.written import read_body

from rebond.config.components import Mysql
from rebond.findings import Finding, Severity
from rebond.stack.servers import ConfiguredMysql


def test_a_missing_client_leaves_open_what_the_dump_lacks_and_not_that_it_is_made(tmp_path: pathlib.Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "cat", "grep", "sed", "tr"):
        found = shutil.which(name)
        assert found
        (programs / name).symlink_to(found)
    (programs / "mysqldump").write_text("#!/bin/sh\nexit 0\n")
    (programs / "mysqldump").chmod(0o755)
    loaded = read_body(tmp_path, '[component.db]\nkind = "mysql"\ndatabase = "shop"\n', PATH=str(programs)).loaded
    assert loaded
    component = loaded.configuration.component["db"]
    assert isinstance(component, Mysql)
    told: list[Finding] = []
    tree = ConfiguredMysql("db", component, loaded).open_tree(told.append)

    assert tree is not None
    assert [(each.code, each.severity) for each in told] == [("not-looked", Severity.WARNING)]
    assert told[0].message == (
        "The dump of db is made, but what it lacks, if anything, could not be asked: "
        "neither mariadb nor mysql is installed"
    )
