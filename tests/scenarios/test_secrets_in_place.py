"""Secrets that are kept apart come back into their places; without the owner's key the plan says what is missing."""

import json
import pathlib
import stat

import pytest
from tests.bounded import run_apart
from tests.scenarios.shop_in_place import CONFIGURATION, Shop

APART = CONFIGURATION.replace(
    "[component.code]", '[vaults.apart]\nurl = "../apart"\nkey = { file = "../apart.key" }\n[component.code]'
).replace('paths = [".env"]', 'paths = [".env"]\nvault = "apart"')

WATCHED = CONFIGURATION.replace('paths = [".env"]', 'paths = [".env", "*.key"]\nrpo = "0s"').replace(
    "[restore]\n", '[class.changes]\ntrigger = "change"\ncomponents = ["env"]\n[restore]\n'
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A stack whose secrets lie in a vault of their own, saved, then broken."""
    folder = tmp_path_factory.mktemp("template")
    shop = Shop(folder)
    words = ("--kit", folder / "apart.kit", "--key-file", folder / "apart.key")
    shop.program.good("vault", "create", folder / "apart", *words, REBOND_CONFIG="")
    return fill(shop, APART)


def fill(shop: Shop, configuration: str) -> Shop:
    shop.write("src/app.py", "saved")
    shop.write("media/a.jpg", "saved")
    shop.write(".env", "KEY=saved")
    (shop.root / ".env").chmod(0o640)
    shop.write_row("saved")
    (shop.root / "rebond.toml").write_text(configuration)
    shop.program.good("backup")
    shop.saved_files = shop.files()
    shop.write("src/app.py", "broken")
    shop.write(".env", "KEY=broken")
    shop.broken_files = shop.files()
    return shop


@pytest.fixture
def shop(template: Shop, tmp_path: pathlib.Path) -> Shop:
    return template.copied(tmp_path / "copy")


def env(shop: Shop) -> tuple[str, int]:
    path = shop.root / ".env"
    return path.read_text(), stat.S_IMODE(path.stat().st_mode)


def test_they_come_back_with_the_mode_of_what_they_replace_and_go_again(shop: Shop) -> None:
    run = json.loads(shop.program.good("restore", "latest", "--in-place", "--yes", "--json").out)["run"]
    assert shop.files() == shop.saved_files
    assert env(shop) == ("KEY=saved", 0o640)
    shop.program.good("restore", "--rollback", run, "--yes")
    assert (shop.files(), shop.beside()) == (shop.broken_files, [])


def test_a_restore_that_is_taken_back_leaves_nothing_that_would_be_lost(tmp_path: pathlib.Path) -> None:
    watched = '[class.changes]\ntrigger = "change"\ncomponents = ["env"]\n[restore]\n'
    shop = fill(Shop(tmp_path), CONFIGURATION.replace('paths = [".env"]', 'paths = [".env"]\nrpo = "0s"'))
    shop.configure("[restore]\n", watched)
    shop.program.good("backup", "--class", "changes")  # of what is there now: KEY=broken
    run = json.loads(shop.program.good("restore", "latest", "--in-place", "--yes", "--json").out)["run"]
    shop.program.good("restore", "--rollback", run, "--yes")
    assert env(shop)[0] == "KEY=broken"
    assert shop.program("status", "--json").status == 0, "it lies in the snapshot of its last change"
    shop.write(".env", "KEY=after")
    assert shop.program("status", "--json").status == 5


def test_what_came_back_from_the_newest_snapshot_is_no_change(tmp_path: pathlib.Path) -> None:
    """It was said to be lost until its class had run once, though nobody had touched what the snapshot holds."""
    shop = fill(Shop(tmp_path), WATCHED)
    assert shop.program("status", "--json").status == 5
    shop.program.good("restore", "latest", "--in-place", "--yes")
    assert (env(shop)[0], shop.program("status", "--json").status) == ("KEY=saved", 0)
    shop.program.good("restore", "--accept", "latest", "--yes")
    assert shop.program("status", "--json").status == 0
    shop.write("new.key", "x")
    assert shop.program("status", "--json").status == 5
    (shop.root / "new.key").unlink()
    assert shop.program("status", "--json").status == 0
    shop.write(".env", "KEY=after")
    assert shop.program("status", "--json").status == 5


def test_a_secret_that_no_snapshot_holds_is_lost_also_where_others_came_back(tmp_path: pathlib.Path) -> None:
    shop = fill(Shop(tmp_path), WATCHED)
    shop.write("new.key", "x")
    shop.program.good("restore", "latest", "--in-place", "--yes")
    assert (shop.root / "new.key").exists()
    assert shop.program("status", "--json").status == 5


def test_an_older_secret_that_came_back_is_a_change(tmp_path: pathlib.Path) -> None:
    shop = fill(Shop(tmp_path), WATCHED)
    snapshot = json.loads(shop.program.good("snapshots", "--json").out)[0]["id"]
    shop.program.good("backup")
    shop.program.good("restore", snapshot, "--in-place", "--yes")
    assert (env(shop)[0], shop.program("status", "--json").status) == ("KEY=saved", 5)


def test_what_is_cut_is_gone_on_with_from_both_vaults(shop: Shop) -> None:
    shop.configure('stop = [{ run = "echo stop >> ../trace" }]', 'stop = [{ run = "kill -INT $PPID; sleep 5" }]')
    # What is interrupted is a process of its own.
    assert run_apart(lambda: shop.program("restore", "latest", "--in-place", "--yes").status) == 130
    plan = next((shop.folder / "state" / "restores").iterdir())
    kept = plan / "configuration" / "rebond.toml"
    kept.write_text(kept.read_text().replace("kill -INT $PPID; sleep 5", "true"))
    shop.program.good("restore", "--resume", plan.name)
    assert env(shop)[0] == "KEY=saved"


def test_without_the_key_of_their_vault_the_rest_comes_and_the_plan_says_what_does_not(shop: Shop) -> None:
    key = (shop.folder / "apart.key").rename(shop.folder / "in-the-safe.key")
    answer = shop.program.good("restore", "latest", "--in-place", "--yes")
    assert "REBOND_KEY_FILE_APART" in answer.err
    assert ((shop.root / "src" / "app.py").read_text(), env(shop)[0]) == ("saved", "KEY=broken")
    refused = shop.program("restore", "latest", "env", "--in-place", "--yes")
    assert (refused.status, "REBOND_KEY_FILE_APART" in refused.err) == (2, True)
    shop.program.good("restore", "latest", "env", "--in-place", "--yes", REBOND_KEY_FILE_APART=str(key))
    assert env(shop)[0] == "KEY=saved"


def test_a_bare_machine_says_which_vault_it_cannot_read_and_takes_its_key(
    template: Shop, shop: Shop, request: pytest.FixtureRequest
) -> None:
    key = template.folder / "apart.key"  # the stack's paths are those of where it was saved
    key.rename(shop.folder / "in-the-safe.key")
    request.addfinalizer(lambda: (shop.folder / "in-the-safe.key").rename(key))
    owner = {"REBOND_KEY_FILE": str(shop.folder / "owner.key"), "REBOND_CONFIG": ""}
    words = ("recover", shop.folder / "vault", "--to", shop.folder / "new", "--yes")
    document = json.loads(shop.program.good(*words, "--dry-run", "--json", **owner).out)
    assert [each["name"] for each in document["left_out"]] == ["env"]
    shop.program.good(*words, **owner, REBOND_KEY_FILE_APART=str(shop.folder / "in-the-safe.key"))
    assert (shop.folder / "new" / ".env").read_text() == "KEY=saved"


def test_a_machine_that_only_writes_can_bring_nothing_back_and_says_what_it_takes(tmp_path: pathlib.Path) -> None:
    shop = Shop(tmp_path)
    owner = {
        "REBOND_VAULT": str(tmp_path / "vault"),
        "REBOND_KEY_FILE": str(tmp_path / "owner.key"),
        "REBOND_CONFIG": "",
    }
    shop.program.good("key", "issue", "writer", "server", "--output", tmp_path / "writer.key", **owner)
    fill(shop, CONFIGURATION.replace("../owner.key", "../writer.key"))

    for words in (("restore", "latest", "--in-place", "--yes"), ("recover", tmp_path / "vault", "--yes")):
        answer = shop.program(*words)
        assert (answer.status, "REBOND_KEY_FILE" in answer.err) == (12, True), answer.err
    assert (shop.files(), shop.beside(), shop.trace()) == (shop.broken_files, [], [])

    given = {"REBOND_KEY_FILE": str(tmp_path / "owner.key")}
    run = json.loads(shop.program.good("restore", "latest", "--in-place", "--yes", "--json", **given).out)["run"]
    assert shop.files() == shop.saved_files
    shop.program.good("restore", "--rollback", run, "--yes")  # going back takes no key
    assert shop.files() == shop.broken_files
