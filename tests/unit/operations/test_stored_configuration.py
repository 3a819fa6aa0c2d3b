"""The configuration lies in each snapshot that it made, secrets by reference only."""

from pathlib import Path

from tests.unit.config.written import HEAD, read
from tests.unit.operations.restored import RestoredVault, a_tree

from rebond.operations.stored_configuration import read_stored_configuration
from rebond.stack.planning import plan_backup


def test_the_configuration_comes_out_of_the_snapshot_as_it_went_in(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "db.toml").write_text('[component.db]\nkind = "redis"\npassword = { env = "DB" }\n')
    (tmp_path / "conf.d" / "other.toml").write_text('[component.it]\nkind = "files"\npath = "x"\n')
    text = HEAD.replace("[stack]", 'include = ["conf.d/*.toml"]\n[stack]')
    loaded = read(tmp_path, text + '[component.b]\nkind = "files"\npath = "x"\n').loaded
    assert loaded
    plan = plan_backup(loaded, names=["b"])
    place = RestoredVault(tmp_path)
    record = place.save_all({"b": a_tree(1)}, configuration=plan.configuration, lacks=plan.lacks).record
    stored = read_stored_configuration(place.vault(), record)

    assert list(stored) == ["rebond.toml", "conf.d/db.toml", "conf.d/other.toml"]
    assert stored["rebond.toml"] == (tmp_path / "rebond.toml").read_bytes()
    assert b'password = { env = "DB" }' in stored["conf.d/db.toml"]
    assert record.catalog.lacks == ["db", "it"]
    assert read_stored_configuration(place.vault(), place.save(a_tree(2))) == {}
