"""``rebond recover``: a machine that has nothing but the program, the vault's address and its key."""

import json
import os
import pathlib
import shutil

import pytest
from tests.scenarios.shop_in_place import Shop
from tests.unit.cli.program_runs import Program

from rebond.config.loading import load_configuration
from rebond.stack import preconditions
from rebond.stack.preconditions import Machine, list_missing, name_programs


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop.saved(tmp_path_factory.mktemp("template"))


@pytest.fixture
def bare(template: Shop, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The vault and the key, and nothing else; the stack's old folder is taken away while the test runs."""
    for name in ("vault", "owner.key", "kit.txt"):
        source = template.folder / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    shop = Shop.__new__(Shop)
    shop.folder, shop.root = tmp_path, tmp_path / "new"
    shop.program = template.program.moved_to(tmp_path)
    shop.program.environment |= {"REBOND_KEY_FILE": str(tmp_path / "owner.key"), "HOME": str(tmp_path)}
    for name in ("REBOND_CONFIG", "REBOND_PASSPHRASE", "REBOND_VAULT"):
        del shop.program.environment[name]
    shop.saved_files, shop.broken_files = template.saved_files, template.broken_files
    monkeypatch.chdir(tmp_path)
    return shop


def saved(shop: Shop) -> dict[str, str]:
    """What the vault holds; nothing tells which mode a secret had."""
    files = {n: t for n, t in shop.saved_files.items() if not n.startswith(("node_modules/", "logs/"))}
    return {**files, ".env": files[".env"].replace("640", "600")}


def test_a_stack_comes_back_elsewhere_with_its_configuration_and_nothing_is_started(bare: Shop) -> None:
    answer = bare.program.good("recover", bare.folder / "vault", "--to", bare.root, "--yes")
    assert bare.files() == saved(bare)
    assert bare.rows() == ["saved"]
    assert bare.trace() == []
    assert str(bare.root) in answer.err


def test_a_vault_that_is_elsewhere_now_is_said_and_no_new_one_is_proposed_in_its_old_place(bare: Shop) -> None:
    (bare.folder / "vault").rename(bare.folder / "copy")
    answer = bare.program.good("recover", bare.folder / "copy", "--to", bare.root, "--yes")
    path = bare.root / "rebond.toml"
    (said,) = [each for each in answer.err.splitlines() if "[vault]" in each]
    assert all(str(each) in said for each in (bare.root.parent / "vault", bare.folder / "copy", path))
    assert f"rebond doctor --config {path}" in answer.err

    seen = json.loads(bare.program("doctor", "--config", path, "--json").out)
    (found,) = [each for each in seen["findings"] if each["code"] == "vault-gone"]
    assert "vault create" not in found["command"]
    assert str(path) in found["command"]
    path.write_text(path.read_text().replace('"../vault"', '"../copy"'))
    seen = json.loads(bare.program("doctor", "--config", path, "--json").out)
    assert not [each for each in seen["findings"] if each["check"] == "vault" and each["weight"] == "failure"]


def test_of_a_vault_in_its_old_place_nothing_more_is_said(bare: Shop) -> None:
    answer = bare.program.good("recover", bare.folder / "vault", "--to", bare.root, "--yes")
    assert "[vault]" not in answer.err


def test_a_stack_comes_back_where_it_was_and_runs(template: Shop, bare: Shop) -> None:
    away = template.root.rename(template.folder / "away")
    try:
        bare.program.good("recover", bare.folder / "vault", "--yes")
        bare.root = template.root
        assert bare.files() == saved(bare)
        assert template.trace() == ["rebuild", "regenerate", "start", "healthy"]
    finally:
        shutil.rmtree(template.root)
        away.rename(template.root)


def test_folders_that_no_component_saves_are_made_for_those_who_have_to_pass_them(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever serves the files is another user than who saves them; elsewhere nobody serves them yet."""
    program = Program.with_vault(tmp_path)
    program.leave_vault_to_configuration()
    root = tmp_path / "srv" / "shop"
    (root / "media").mkdir(parents=True, mode=0o755)
    (root / "media" / "photo.jpg").write_text("a photo")
    head = '[stack]\nname = "shop"\n[vault]\nurl = "../../vault"\nkey = { file = "../../owner.key" }\n'
    (root / "rebond.toml").write_text(f'version = 1\n{head}[component.media]\nkind = "files"\npath = "media"\n')
    program.environment["REBOND_CONFIG"] = str(root / "rebond.toml")
    program.good("backup")
    shutil.rmtree(root.parent)
    monkeypatch.chdir(tmp_path)
    program.environment["REBOND_KEY_FILE"] = str(tmp_path / "owner.key")
    del program.environment["REBOND_CONFIG"]
    before = os.umask(0o022)
    try:
        program.good("recover", tmp_path / "vault", "--to", tmp_path / "beside", "--yes")
        program.good("recover", tmp_path / "vault", "--yes")
    finally:
        os.umask(before)
    assert (root / "media" / "photo.jpg").read_text() == "a photo"
    modes = [each.stat().st_mode & 0o777 for each in (tmp_path / "beside", root.parent, root)]
    assert modes == [0o700, 0o755, 0o755]


def test_a_dry_run_shows_plan_and_what_is_missing_and_writes_nothing(bare: Shop) -> None:
    answer = bare.program.good("recover", bare.folder / "vault", "--to", bare.root, "--dry-run", "--json", PATH="/none")
    document = json.loads(answer.out)
    assert [each["name"] for each in document["parts"]] == ["code", "media", "env", "db"]
    assert not bare.root.exists()


def test_it_needs_a_word_a_vault_a_key_and_a_snapshot(bare: Shop) -> None:
    assert bare.program("recover", bare.folder / "vault", "--to", bare.root).status == 6
    assert bare.program("recover", bare.folder / "nothing", "--yes").status == 10
    assert bare.program("recover", bare.folder / "vault", "--stack", "other", "--yes").status == 2
    assert bare.program("recover", bare.folder / "vault", "--yes", REBOND_KEY_FILE="").status == 12
    assert not bare.root.exists()


def test_a_snapshot_without_a_configuration_says_how_it_comes_back(bare: Shop) -> None:
    (bare.folder / "files").mkdir()
    (bare.folder / "files" / "a").write_text("a")
    bare.program.environment["REBOND_VAULT"] = str(bare.folder / "other")
    bare.program.good("vault", "create", "--kit", bare.folder / "kit2", "--key-file", bare.folder / "other.key")
    bare.program.environment["REBOND_KEY_FILE"] = str(bare.folder / "other.key")
    bare.program.good("backup", "--path", bare.folder / "files")
    answer = bare.program("recover", bare.folder / "other", "--yes")
    assert (answer.status, "--to DIR" in answer.err) == (2, True)


def test_what_a_recovery_did_can_be_undone(bare: Shop) -> None:
    bare.root.mkdir()
    (bare.root / "mine.txt").write_text("mine")
    run = json.loads(bare.program.good("recover", bare.folder / "vault", "--to", bare.root, "--yes", "--json").out)[
        "run"
    ]
    assert "mine.txt" not in bare.files()
    bare.program.good("restore", "--rollback", run, "--yes", "--set-newer-aside")
    assert bare.files() == {"mine.txt": bare.files()["mine.txt"]}


def test_programs_users_and_rights_that_are_missing_are_named_with_what_mends_them(
    template: Shop, tmp_path: pathlib.Path
) -> None:
    text = (template.root / "rebond.toml").read_text()
    text = text.replace(
        "echo start >> ../trace", "docker compose up -d && /opt/other/notify && /srv/shop/warm && ./wake"
    )
    text = (
        text.replace("echo rebuild >> ../trace", f"{tmp_path}/bin/build") + '[schedule]\nby = "cron.d"\nuser = "shop"\n'
    )
    (tmp_path / "rebond.toml").write_text(text)
    loaded = load_configuration(tmp_path / "rebond.toml", {}).loaded
    assert loaded is not None
    bare_machine = Machine(find_program=lambda _name, _path: None, has_user=lambda _name: False, is_root=lambda: False)
    missing = list_missing(loaded, [b"/srv/shop"], bare_machine)  # what lies there, or in the root, comes back
    found = {(each.code, each.subject) for each in missing}
    programs = {("program-missing", "docker"), ("program-missing", "/opt/other/notify")}
    assert found == {*programs, ("user-missing", "shop"), ("not-root", "")}
    assert all(each.hint for each in missing)


def test_what_commands_need_that_are_not_run_elsewhere_is_not_missed_there(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --to nothing is stopped or started: somebody installed a whole engine for that."""
    program = Program.with_vault(tmp_path)
    program.leave_vault_to_configuration()
    root = tmp_path / "shop"
    (root / "media").mkdir(parents=True)
    (root / "media" / "photo.jpg").write_text("a photo")
    head = '[stack]\nname = "shop"\n[vault]\nurl = "../vault"\nkey = { file = "../owner.key" }\n'
    restoring = (
        '[restore]\nstop = [{ run = "of-stop" }]\nrebuild = [{ run = "of-rebuild", user = "of-users" }]\n'
        'start = [{ run = "of-start" }]\nhealthy = [{ run = "of-health" }]\n'
    )
    media = (
        '[component.media]\nkind = "files"\npath = "media"\n[component.made]\nkind = "regenerable"\nrun = "of-made"\n'
    )
    (root / "rebond.toml").write_text(f"version = 1\n{head}{media}{restoring}")
    program.environment["REBOND_CONFIG"] = str(root / "rebond.toml")
    program.good("backup")
    monkeypatch.chdir(tmp_path)
    program.environment["REBOND_KEY_FILE"] = str(tmp_path / "owner.key")
    del program.environment["REBOND_CONFIG"]
    told = []
    for place in ((), ("--to", tmp_path / "beside")):
        answer = program.good("recover", tmp_path / "vault", *place, "--dry-run", "--json")
        told.append({each["subject"] for each in json.loads(answer.out)["missing"] if "of-" in each["subject"]})
    assert told == [{"of-stop", "of-rebuild", "of-start", "of-health", "of-made", "of-users"}, set()]


def test_where_nothing_could_be_fetched_nothing_is_in_the_way_of_another_try(
    bare: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as closed:
        closed.setattr("rebond.operations.recovery.remembered_places.Places.new_folder", refuse)
        closed.setattr("rebond.operations.recovery.file_part.FilePart.discard", lambda _: None)
        answer = bare.program("recover", bare.folder / "vault", "--to", bare.root, "--yes")
    assert (answer.status, "Nothing was changed" in answer.err) == (40, True), answer.err
    bare.program.good("recover", bare.folder / "vault", "--to", bare.root, "--yes")
    assert bare.files() == saved(bare)


def test_a_place_that_may_not_be_written_to_is_named_before_anything_happens(
    template: Shop, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = template.copied(tmp_path / "copy")
    closed = Machine(may_write=lambda path: path != str(shop.root / "media").encode())
    monkeypatch.setattr(preconditions, "Machine", lambda: closed)
    document = json.loads(shop.program.good("restore", "latest", "--in-place", "--dry-run", "--json").out)
    assert [(each["code"], each["subject"]) for each in document["missing"]] == [
        ("place-closed", str(shop.root / "media"))
    ]


@pytest.mark.parametrize(
    ("run", "programs"),
    [
        ("docker compose -f x.yml up -d", ["docker"]),
        ("cd app && NODE_ENV=production npm ci; echo done | tee log", ["npm", "tee"]),
        (("systemctl", "start", "app"), ["systemctl"]),
        ("[ -f x ] || test -d y", []),
    ],
)
def test_the_programs_of_a_command_are_the_first_words_of_its_parts(run: str, programs: list[str]) -> None:
    assert name_programs(run) == programs
