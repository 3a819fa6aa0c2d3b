"""vault, key and kit, with the keys that they make."""

import pathlib
import stat

import pytest
from tests.unit.cli.program_runs import PASSPHRASE, Program, plant_shop

from rebond.vault.recovery_keys import looks_like_recovery_key


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A vault that this module may add keys to."""
    made = Program(tmp_path_factory.mktemp("keys"))
    made.good("vault", "create", "--kit", made.folder / "kit.txt")
    plant_shop(made.folder / "shop")
    return made


def test_what_is_wrong_with_a_slot_is_said_in_the_language_that_was_asked_for(tmp_path: pathlib.Path) -> None:
    program = Program(tmp_path)
    created = program.ask("vault", "create", "--key-file", tmp_path / "owner.key")
    slots = {each["method"]: each for each in program.ask("key", "list")["slots"]}
    opened = next(each for each in slots.values() if each["current"])
    others = [each["id"] for each in slots.values() if not each["current"]]
    for place in ("keys", "spare/keys"):
        first, second = (program.vault / place / each for each in others[:2])
        first.write_bytes(second.read_bytes())
    said = {language: program.good("key", "list", "--lang", language).out for language in ("en", "fr")}
    assert ("was renamed" in said["en"], "was renamed" in said["fr"], "a été renommé" in said["fr"]) == (
        True,
        False,
        True,
    ), (said, opened, created)


def test_a_new_vault_prints_its_kit_once_and_the_recovery_key_opens_it(tmp_path: pathlib.Path) -> None:
    program = Program(tmp_path)
    created = program.ask("vault", "create")
    listed = program.ask("key", "list", REBOND_PASSPHRASE=created["recovery_key"])

    assert [slot["method"] for slot in listed["slots"] if slot["current"]] == ["recovery key"]
    assert created["recovery_key"] not in program.good("kit").out
    assert program("vault", "create").status == 13
    for name in [each for each in program.environment if each.startswith(("REBOND_PASSPHRASE", "REBOND_KEY"))]:
        del program.environment[name]
    assert program("vault", "create").status == 13, "that it is there is said first"
    assert program("vault", "create", tmp_path / "other").status == 12
    assert not (tmp_path / "other").exists()


def test_the_kit_lies_where_it_was_asked_for_and_nobody_else_may_read_it(program: Program) -> None:
    kit = program.folder / "kit.txt"

    assert "Recovery key" in kit.read_text(encoding="utf-8")
    assert stat.S_IMODE(kit.stat().st_mode) == 0o600


def test_info_takes_no_secret_and_shows_the_fingerprint_of_the_kit(program: Program) -> None:
    info = program.ask("vault", "info", REBOND_PASSPHRASE="wrong")
    kit = "".join((program.folder / "kit.txt").read_text(encoding="utf-8").split())

    assert info["owner_fingerprint"] in kit
    assert info["promises"]["put-if-absent"] is True


def test_the_vaults_below_a_folder_are_listed_without_a_secret(tmp_path: pathlib.Path) -> None:
    program = Program(tmp_path)
    vaults = [program.ask("vault", "create", tmp_path / "disk" / name)["vault_id"] for name in ("one", "two")]
    (tmp_path / "disk" / "other").mkdir()
    (tmp_path / "disk" / "other" / "vault.json").write_text("{}")  # of another program

    listed = program.ask("vault", "list", tmp_path / "disk", REBOND_PASSPHRASE="wrong")
    assert [(each["vault_id"], each["problem"]) for each in listed] == [(each, None) for each in vaults]
    assert program("vault", "list", tmp_path / "disk" / "other").status == 10

    (tmp_path / "disk" / "two" / "vault.json").write_text("{")
    damaged = program("vault", "list", tmp_path / "disk")
    assert damaged.status == 3
    assert str(tmp_path / "disk" / "two: vault.json is damaged: ") in damaged.out
    assert vaults[1] in damaged.out, "its copy says whose it is"

    (tmp_path / "disk" / "two" / "spare" / "vault.json").write_text("{")
    assert str(tmp_path / "disk" / "two: vault.json cannot be read") in program("vault", "list", tmp_path / "disk").out


def test_a_wrong_passphrase_ends_with_12_and_an_absent_vault_with_10(program: Program, tmp_path: pathlib.Path) -> None:
    assert program("snapshots", REBOND_PASSPHRASE="wrong").status == 12
    assert program("snapshots", "--vault", tmp_path).status == 10


def test_a_writers_file_saves_and_lists_but_reads_nothing(program: Program) -> None:
    file = program.folder / "writer.key"
    program.good("key", "issue", "writer", "shop-server", "--output", file)
    saved = program.ask("backup", "--path", program.folder / "shop", REBOND_KEY_FILE=str(file))
    listed = program.ask("snapshots", REBOND_KEY_FILE=str(file))
    refused = program("cat", saved["id"], ".env", REBOND_KEY_FILE=str(file))

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each["id"] for each in listed] == [saved["id"]]
    assert refused.status == 12
    assert refused.out == ""
    assert program.good("cat", saved["id"], ".env").out == "SECRET=1\n"


def test_deduplication_is_shared_with_a_writer_only(program: Program) -> None:
    program.good("key", "issue", "keeper", "tidier", "--output", program.folder / "tidier.key")
    program.good("key", "issue", "writer", "shop-1", "--output", program.folder / "first.key")
    file = program.folder / "second.key"

    with_keeper = program("key", "issue", "writer", "shop-2", "--output", file, "--share-with", "tidier")
    as_keeper = program("key", "issue", "keeper", "shop-2", "--output", file, "--share-with", "shop-1")

    assert (with_keeper.status, as_keeper.status) == (2, 2)
    assert "tidier is a keeper" in with_keeper.err
    assert "keeper has no deduplication" in as_keeper.err
    assert not file.exists()
    assert "shop-2" not in program.good("key", "list").out
    program.good("key", "issue", "writer", "shop-2", "--output", file, "--share-with", "shop-1")


def test_a_protected_file_needs_its_passphrase(program: Program) -> None:
    file = program.folder / "keeper.key"
    program.good("key", "issue", "keeper", "cleaner", "--output", file, "--protect", REBOND_NEW_PASSPHRASE="seal")

    assert program("snapshots", REBOND_KEY_FILE=str(file), REBOND_PASSPHRASE="wrong").status == 12
    assert program("snapshots", REBOND_KEY_FILE=str(file), REBOND_PASSPHRASE="seal").status == 0


def test_a_revoked_member_is_shut_out(program: Program) -> None:
    file = program.folder / "stolen.key"
    program.good("key", "issue", "writer", "stolen", "--output", file)
    assert program("key", "revoke", "stolen").status == 6  # nobody confirmed
    program.good("key", "revoke", "stolen", "--stolen-since", "-1h", "--yes")

    assert program("backup", "--path", program.folder / "shop", REBOND_KEY_FILE=str(file)).status == 12
    member = next(each for each in program.ask("key", "list")["members"] if each["label"] == "stolen")
    assert member["revoked"]


def test_a_key_file_and_a_new_passphrase_open_the_vault_until_they_are_removed(program: Program) -> None:
    file = program.folder / "laptop.key"
    program.good("key", "add", "--label", "laptop", "--key-file", file)
    program.good("key", "add", "--label", "second", REBOND_NEW_PASSPHRASE="another one")
    program.good("snapshots", REBOND_KEY_FILE=str(file))
    program.good("snapshots", REBOND_PASSPHRASE="another one")
    program.good("key", "remove", "laptop", "--yes")
    program.good("key", "remove", "second", "--yes")

    assert program("snapshots", REBOND_KEY_FILE=str(file)).status == 12
    assert program("snapshots", REBOND_PASSPHRASE="another one").status == 12
    assert program("snapshots", REBOND_PASSPHRASE=PASSPHRASE).status == 0


def test_a_file_that_exists_is_never_written_over(program: Program) -> None:
    file = program.folder / "precious"
    file.write_text("do not touch")

    assert program("key", "issue", "writer", "late", "--output", file).status == 2
    assert program("key", "add", "--key-file", file).status == 6
    assert program("kit", "--output", file).status == 6
    assert file.read_text() == "do not touch"
    assert "late" not in program.good("key", "list").out


def test_an_empty_address_never_means_another_vault(program: Program) -> None:
    for words in (("vault", "create", ""), ("vault", "info", ""), ("snapshots", "--vault", "")):
        refused = program(*words)
        assert refused.status == 2, words
        assert "empty" in refused.err


@pytest.mark.parametrize(
    "phrase",
    [
        "apple bread chair dance eagle flame grape house",  # groups of five
        bytes(range(35)).hex(),  # 70 letters
        "two\nlines",
    ],
)
def test_a_passphrase_that_could_never_be_given_again_is_refused(program: Program, phrase: str) -> None:
    """What looks like a recovery key is taken for one: as a passphrase it would open nothing, for ever."""
    if "\n" not in phrase:
        assert looks_like_recovery_key(phrase)
    slots = program.ask("key", "list")["slots"]
    refused = program("key", "add", "--label", "second", REBOND_NEW_PASSPHRASE=phrase)
    assert refused.status == 2, refused.err
    assert program.ask("key", "list")["slots"] == slots
    new = program.folder / "another"
    refused = program("vault", "create", new, "--kit", program.folder / "other.kit", REBOND_PASSPHRASE=phrase)
    assert refused.status == 2, refused.err
    assert not new.exists()


def test_a_member_that_is_named_by_its_id_is_revoked_and_not_the_one_of_the_same_name(program: Program) -> None:
    old = program.ask("key", "issue", "writer", "shop", "--output", program.folder / "old.key")["member"]
    program.good("key", "revoke", "shop", "--yes")
    new = program.ask("key", "issue", "writer", "shop", "--output", program.folder / "new.key")["member"]
    for name in (old, old[:8]):
        done = program.ask("key", "revoke", name, "--stolen-since", "-1d", "--yes")
        assert done["revoked"] == [old]
    members = {each["id"]: each["revoked"] for each in program.ask("key", "list")["members"]}
    assert members[old]
    assert not members[new]
    program.good(
        "backup", "--path", program.folder / "shop", "--quiet", REBOND_KEY_FILE=str(program.folder / "new.key")
    )


def test_no_member_is_made_whose_file_cannot_be_written(program: Program) -> None:
    (program.folder / "dangling").symlink_to(program.folder / "nowhere")
    for path in (program.folder / "none" / "x.key", program.folder / "dangling"):
        assert program("key", "issue", "writer", "unlucky", "--output", path).status in (2, 6)
    assert "unlucky" not in program.good("key", "list").out
    program.good("key", "issue", "writer", "unlucky", "--output", program.folder / "lucky.key")


def test_a_theft_is_not_said_to_be_in_the_future(program: Program) -> None:
    program.good("key", "issue", "writer", "early", "--output", program.folder / "early.key")
    refused = program("key", "revoke", "early", "--stolen-since", "2999-01-01", "--yes")
    assert refused.status == 2, refused.err
    member = next(each for each in program.ask("key", "list")["members"] if each["label"] == "early")
    assert not member["revoked"]


def test_the_owner_goes_on_saving_after_a_key_that_shared_with_him_was_stolen(program: Program) -> None:
    owner = next(each for each in program.ask("key", "list")["members"] if each["role"] == "owner")
    file = program.folder / "sharing.key"
    program.good("backup", "--path", program.folder / "shop", "--quiet")
    program.good("key", "issue", "writer", "sharing", "--output", file, "--share-with", owner["label"])
    program.good("backup", "--path", program.folder / "shop", "--quiet", REBOND_KEY_FILE=str(file))
    done = program.ask("key", "revoke", "sharing", "--stolen-since", "-1h", "--yes")
    assert done["need_new_files"] == []
    made = program.ask("backup", "--path", program.folder / "shop", "--quiet")
    assert made["id"] in {each["id"] for each in program.ask("snapshots")}
    program.good("verify", "--read-data", "--quiet")


def test_a_new_vault_names_every_way_to_a_secret_where_none_was_given(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(program.environment, "REBOND_PASSPHRASE")
    refused = program("vault", "create", program.folder / "another")

    assert refused.status == 12, refused.err
    assert "--key-file" in refused.err
    assert "REBOND_PASSPHRASE_FILE" in refused.err
    assert not (program.folder / "another").exists()
    program.good("vault", "create", program.folder / "another", "--key-file", program.folder / "own.key")


def test_where_a_new_passphrase_comes_from_is_said_where_none_was_given(program: Program) -> None:
    refused = program("key", "add", "--label", "third")
    assert refused.status == 2
    assert "REBOND_NEW_PASSPHRASE_FILE" in refused.err


def test_looking_at_a_vault_tells_of_a_damaged_first_object_in_the_reader_s_language(program: Program) -> None:
    path = program.vault / "vault.json"
    content = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(b"[]")
    try:
        shown = program.good("vault", "info", REBOND_LANG="fr")
        described = program.ask("vault", "info")
        listed = program("vault", "list", program.folder, REBOND_LANG="fr")
    finally:
        path.write_bytes(content)

    assert shown.err.count("vault.json est endommagé : vault.json n'est pas un objet JSON.") == 1
    assert described["members"]
    assert "vault.json est endommagé : vault.json n'est pas un objet JSON." in listed.out
