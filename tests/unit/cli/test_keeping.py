"""verify, hold, forget, undelete, as they are typed."""

import json
import pathlib
import shutil

import pytest
from msgspec.structs import replace
from tests.unit.cli.program_runs import Program, plant_shop

from rebond.cli.keeping.pruning import outcome_text
from rebond.identifiers import ObjectName
from rebond.store.local import LocalStore
from rebond.vault.marks import ClaimBody, claim_mark
from rebond.vault.opening import open_vault
from rebond.vault.protocol_rules import ClaimPurpose
from rebond.vault.prune_plan import PrunePlan
from rebond.vault.pruning import PruneOutcome
from rebond.vault.slots import key_file_secret


@pytest.fixture
def program(made: Program, tmp_path: pathlib.Path) -> Program:
    """A copy that a test may do with as it likes."""
    shutil.copytree(made.folder, tmp_path / "copy")
    return made.moved_to(tmp_path / "copy")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A vault with three snapshots of a small shop."""
    folder = tmp_path_factory.mktemp("keeping")
    made = Program.with_vault(folder)
    shop = plant_shop(folder / "shop")
    for number in range(3):
        (shop / "settings.py").write_text(f"VERSION = {number}\n")
        made.good("backup", "--path", shop, "--tag", f"v{number}")
    return made


def tags(program: Program, *filters: str) -> list[str]:
    return [each["tags"][0] for each in program.ask("snapshots", *filters)]


def test_a_held_snapshot_stays_until_it_is_released(program: Program) -> None:
    program.good("hold", "latest:v0", "--reason", "the audit", "--until", "2100-01-01")
    held = {each["tags"][0]: each["held"] for each in program.ask("snapshots")}

    assert held == {"v0": "the audit", "v1": None, "v2": None}
    assert program("forget", "latest:v0", "--yes").status == 6
    program.good("forget", "--keep-last", "1", "--yes")
    assert tags(program) == ["v0", "v2"]
    program.good("unhold", "latest:v0")
    program.good("forget", "--keep-last", "1", "--yes")
    assert tags(program) == ["v2"]


def test_what_is_held_in_the_trash_is_found_there_by_its_id(program: Program) -> None:
    oldest = program.ask("snapshots")[0]["id"]
    program.good("forget", oldest, "--yes")

    refused = program("hold", oldest, "--reason", "the audit")
    assert refused.status == 6
    assert "rebond undelete" in refused.err
    assert program("unhold", "latest:v0").status != 0, "a word means what is listed"
    assert "lies in the trash" in program.good("unhold", oldest).out
    assert tags(program, "--trash") == ["v0"]
    program("hold", oldest, "--reason", "the audit")
    program.good("prune")
    assert tags(program) == ["v0", "v1", "v2"], "the hold came before the prune, which lets it live"


def test_a_hold_that_is_over_or_without_a_reason_is_refused(program: Program) -> None:
    assert program("hold", "latest", "--reason", "x", "--until", "2001-01-01").status == 2
    assert program("hold", "latest").status == 2
    assert program("hold", "latest", "--reason", " ").status == 2


def test_beside_a_damaged_record_the_others_go_and_the_status_says_damage(program: Program) -> None:
    oldest = program.ask("snapshots")[0]["id"]
    (record,) = (program.vault / "snapshots").glob(f"*/{oldest}*")
    record.write_bytes(record.read_bytes()[:-9])

    dry = program("forget", "--keep-last", "1", "--yes", "--dry-run", "--json")
    assert (dry.status, len(dry.document["forgotten"]), len(dry.document["problems"])) == (4, 1, 1)
    told = program("forget", "--keep-last", "1", "--yes")
    assert (told.status, told.err.count("cannot be trusted"), "Forgotten: 1. Kept: 1." in told.out) == (4, 1, True)
    assert "rebond verify" in told.err
    assert program("forget", "--keep-last", "1", "--simulate", "1m").status == 4
    back = program("undelete", program("snapshots", "--trash", "--json").document[0]["id"])
    assert (back.status, "is back on the list" in back.out, back.err.count("cannot be trusted")) == (4, True, 1)
    pruned = program("forget", "--keep-last", "1", "--yes", "--prune")
    assert (pruned.status, "Forgotten: 1. Kept: 1." in pruned.err, "Nothing was deleted" in pruned.err) == (
        4,
        True,
        True,
    )
    quiet = program("forget", "--keep-last", "1", "--yes", "--quiet")
    assert (quiet.status, "cannot be trusted" in quiet.out) == (4, True)


def test_unattended_nothing_young_goes(program: Program) -> None:
    document = program.ask("forget", "--keep-last", "1")

    assert document["forgotten"] == []
    assert {each["code"] for each in document["left"]} == {"left-young"}
    assert program("forget", "latest:v0").status == 6
    assert tags(program) == ["v0", "v1", "v2"]


def test_what_is_forgotten_lies_in_the_trash_and_comes_back(program: Program) -> None:
    document = program.ask("forget", "--keep-last", "1", "--yes")

    assert len(document["forgotten"]) == 2
    assert tags(program, "--trash") == ["v0", "v1"]
    program.good("undelete", document["forgotten"][0])
    assert tags(program) == ["v0", "v2"]
    assert tags(program, "--trash") == ["v1"]
    assert program("undelete", "abcdef").status == 2


def test_a_dry_run_by_name_shows_what_a_word_more_would_forget(program: Program) -> None:
    shown = program.good("forget", "latest:v0", "--dry-run")

    assert "Would go: 1. Would stay: 2." in shown.out
    assert program("forget", "latest:v0").status == 6
    assert tags(program) == ["v0", "v1", "v2"]


@pytest.mark.parametrize(
    "arguments",
    [("backup", "--path", ""), ("restore", "latest", "--to", ""), ("prune", "--vault", ""), ("kit", "--output", "")],
)
def test_a_variable_that_is_not_set_does_not_mean_this_folder(
    program: Program, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    refused = program(*arguments)

    assert refused.status == 2
    assert "empty" in refused.err
    assert tags(program) == ["v0", "v1", "v2"]
    assert not list((tmp_path / "here").iterdir())


def test_no_vault_is_made_where_one_is_in_use(program: Program) -> None:
    """Of a vault that was worked with, other objects come first in a listing."""
    program.good("hold", "latest", "--reason", "x")
    refused = program("vault", "create", program.vault)

    assert refused.status == 13
    assert "There is a vault" in refused.err


def test_a_dry_run_forgets_nothing_and_explains_each(program: Program) -> None:
    answer = program.good("forget", "--keep-tag", "v1", "--explain", "--dry-run", "--yes")

    assert "kept: it has the tag v1" in answer.out
    assert "goes: no rule keeps it" in answer.out
    assert tags(program) == ["v0", "v1", "v2"]


def test_the_last_whole_one_is_never_forgotten(program: Program) -> None:
    ids = [each["id"] for each in program.ask("snapshots")]

    assert program("forget", *ids, "--yes").status == 6
    assert tags(program) == ["v0", "v1", "v2"]


@pytest.mark.parametrize(
    "arguments", [(), ("--keep-last", "1", "latest"), ("--keep-last", "x"), ("--keep-last", "1", "--group-by", "moon")]
)
def test_what_cannot_be_meant_is_refused_before_anything_is_touched(
    program: Program, arguments: tuple[str, ...]
) -> None:
    assert program("forget", *arguments, "--yes").status == 2
    assert tags(program) == ["v0", "v1", "v2"]


def test_a_simulation_changes_nothing(program: Program) -> None:
    document = program.ask("forget", "--keep-last", "2", "--simulate", "1m")

    assert document["left"] + len(document["kept"]) == 2
    assert tags(program) == ["v0", "v1", "v2"]


def test_prune_says_first_what_it_will_do_and_then_does_it(program: Program) -> None:
    program.good("forget", "--keep-last", "1", "--yes")
    planned = program.ask("prune", "--dry-run")
    before = sorted(path.name for path in program.vault.rglob("*"))
    done = program.ask("prune")

    assert len(planned["records"]) == 2
    assert planned["freed_bytes"] == done["freed_bytes"]
    assert sorted(done["records"]) == sorted(planned["records"])
    assert sorted(path.name for path in program.vault.rglob("*")) != before
    assert tags(program, "--trash") == []
    assert program.ask("verify", "--read-data")["ok"] is True


def test_forget_can_prune_at_once_and_answers_with_one_document(program: Program) -> None:
    document = program.ask("forget", "--keep-last", "1", "--yes", "--prune")

    assert len(document["forgotten"]) == 2
    assert len(document["prune"]["records"]) == 2
    assert tags(program) == ["v2"]
    assert program("undelete", document["forgotten"][0]).status == 2


def test_a_writer_may_neither_forget_nor_prune(program: Program) -> None:
    key = program.folder / "writer.key"
    program.good("key", "issue", "writer", "someone", "--output", key)

    for arguments in (("forget", "--keep-last", "1", "--yes"), ("prune",), ("hold", "latest", "--reason", "x")):
        assert program(*arguments, REBOND_KEY_FILE=str(key)).status in {2, 12}
    assert tags(program) == ["v0", "v1", "v2"]


def test_a_keeper_forgets_and_prunes_with_its_own_file_alone(program: Program) -> None:
    key = program.folder / "keeper.key"
    program.good("key", "issue", "keeper", "cleaner", "--output", key)
    program.good("forget", "--keep-last", "1", "--yes", "--prune", REBOND_KEY_FILE=str(key))
    program.good("verify", REBOND_KEY_FILE=str(key))

    assert tags(program) == ["v2"]
    assert program("cat", "latest", "settings.py", REBOND_KEY_FILE=str(key)).status == 12
    assert program.good("cat", "latest", "settings.py").out == "VERSION = 2\n"


def test_a_snapshot_says_when_all_of_it_was_read_back(program: Program) -> None:
    assert {each["verified"] for each in program.ask("snapshots")} == {None}
    program.good("verify", "--read-data")
    (program.folder / "shop/new").write_text("never seen before")
    program.good("backup", "--path", program.folder / "shop")

    *older, newest = program.ask("snapshots")
    assert all(each["verified"] >= each["time"] for each in older)
    assert newest["verified"] is None


def test_a_sound_vault_is_said_to_be_sound(program: Program) -> None:
    structure = program.ask("verify")
    content = program.ask("verify", "--read-data")

    assert structure["ok"] is True
    assert content["ok"] is True
    assert content["checked_bytes"] > structure["checked_bytes"]
    assert content["damage"] == []


def test_a_flipped_byte_is_named_with_the_paths_that_it_reaches_and_ends_with_4(program: Program) -> None:
    packs = [path for path in (program.vault / "packs").rglob("*") if path.is_file()]
    victim = max(packs, key=lambda path: path.stat().st_size)
    content = bytearray(victim.read_bytes())
    content[len(content) // 3] ^= 0x40
    victim.chmod(0o600)
    victim.write_bytes(content)
    answer = program("verify", "--read-data", "--json")
    document = json.loads(answer.out)

    assert answer.status == 4
    assert document["ok"] is False
    (damaged,) = document["damage"]
    assert damaged["object"].endswith(victim.name)
    assert "shop/media/photo.jpg" in {each["path"] for each in damaged["paths"]}
    assert "DAMAGE" in program("verify", "--read-data").out


def test_a_repair_that_read_no_content_says_so(program: Program) -> None:
    told = "damaged content takes --read-data --repair"
    assert told in program("verify", "--repair").err
    assert told not in program("verify", "--read-data", "--repair").err


def test_anybody_may_check_sums_without_a_key(program: Program) -> None:
    without = {"REBOND_KEY_FILE": "", "REBOND_PASSPHRASE": "wrong"}
    document = program.ask("verify", "--without-key", "--read-data", **without)

    assert document["ok"] is True
    assert document["level"] == "sums"
    assert document["read_packs"] > 0
    assert program("verify", "--without-key", "--repair", **without).status == 2
    pack = next(path for path in (program.vault / "packs").rglob("*") if path.is_file())
    pack.chmod(0o600)
    pack.write_bytes(pack.read_bytes()[:-1] + b"?")
    assert program("verify", "--without-key", "--read-data", **without).status == 4


def test_a_part_of_the_work_can_be_asked_for(program: Program) -> None:
    program.good("verify", "--read-data=50", "--shard", "0/2")
    program.good("verify", "latest", "--read-data", "100")
    program.good("verify", "--older-than", "30d")

    assert program("verify", "--shard", "2/2").status == 2
    assert program("verify", "--read-data=200").status == 2
    assert program("verify", "--older-than", "soon").status == 2


def test_what_makes_a_check_doubtful_is_named_however_quiet(program: Program) -> None:
    for each in (program.vault / "index").rglob("*"):
        if each.is_file():
            each.unlink()

    checked = program("verify", "--quiet")
    assert checked.status == 3
    assert "no index list names it" in checked.out
    assert checked.err == ""


def test_a_prune_beside_a_damaged_index_list_says_so_and_ends_with_4_until_it_is_mended(program: Program) -> None:
    spoilt = min(each for each in (program.vault / "index").rglob("*") if each.is_file())
    content = bytearray(spoilt.read_bytes())
    content[200] ^= 1
    spoilt.write_bytes(content)

    for command in (("prune",), ("prune", "--dry-run"), ("forget", "--keep-last", "5", "--prune", "--yes")):
        answer = program(*command)
        assert answer.status == 4
        assert spoilt.name in answer.err
    quiet = program("prune", "--quiet")
    assert spoilt.name in quiet.out
    document = json.loads(program("prune", "--json").out)
    assert [each["severity"] for each in document["problems"]] == ["damage"]
    program("verify", "--repair")
    program.good("verify")
    assert program.ask("prune")["deleted"] == [f"index/{spoilt.parent.name}/{spoilt.name}"]
    assert not spoilt.exists()
    assert program.ask("verify", "--read-data")["findings"] == []


def test_a_prune_beside_a_pack_without_its_end_ends_with_4_until_a_repair_has_looked_at_it(program: Program) -> None:
    stray = program.vault / "packs" / "ab" / ("ab" * 32)
    stray.parent.mkdir(exist_ok=True)
    stray.touch()

    answer = program("prune")
    assert answer.status == 4
    assert "verify --repair" in answer.err
    assert program("verify", "--repair").status == 4
    program.good("verify")
    assert "1 object" in program.good("prune").out
    assert not stray.exists()
    program.good("verify", "--read-data")


def test_a_tag_that_no_snapshot_has_is_told_before_anything_goes(program: Program) -> None:
    for tag in ("v7", "release"):
        alone = program("forget", "--keep-tag", tag, "--yes")
        assert alone.status == 6
        assert tag in alone.err
    assert tags(program) == ["v0", "v1", "v2"]
    planned = program("forget", "--keep-tag", "release", "--dry-run")
    assert planned.status == 3
    assert "v0, v1, v2" in planned.err

    beside = program("forget", "--keep-tag", "v1", "--keep-tag", "v-1", "--yes")
    assert beside.status == 3
    assert "Did you mean 'v1'?" in beside.err
    assert tags(program) == ["v1", "v2"]
    assert program.good("forget", "--keep-last", "1", "--keep-tag", "v1", "--yes").err.count("tag") == 0


@pytest.mark.parametrize("is_there", [True, False])
def test_a_snapshot_whose_record_is_lost_is_given_up_by_its_id(program: Program, is_there: bool) -> None:
    program.good("prune")
    lost = program.ask("snapshots")[1]["id"]
    record = next((program.vault / "snapshots").glob(f"*/{lost}.*"))
    if is_there:
        record.write_bytes(record.read_bytes()[:-40])
    else:
        record.unlink()

    refused = program("prune")
    assert refused.status == 4
    assert f"rebond forget {lost}" in refused.err + program("verify").err
    planned = program("forget", lost[:8], "--dry-run")
    assert ("damaged" if is_there else "gone") in planned.out
    assert program("forget", lost[:8]).status == 6
    assert program("prune").status == 4
    assert lost in json.loads(program("forget", lost[:8], "--yes", "--json").out)["forgotten"]
    program("prune")
    program.good("prune")
    program.good("verify", "--read-data")
    assert tags(program) == ["v0", "v2"]


def test_a_prune_says_what_another_one_had_begun_to_delete(program: Program) -> None:
    program.good("forget", "--keep-last", "1", "--yes")
    mark = next(path for path in (program.folder / "vault" / "trash").iterdir() if path.suffix != ".claim")
    store = LocalStore(program.folder / "vault")
    owner = open_vault(store, key_file_secret((program.folder / "owner.key").read_bytes())).credentials
    body = ClaimBody(run=bytes(16), time_ms=1, purpose=ClaimPurpose.DELETE.value)
    assert claim_mark(store, owner, ObjectName(f"trash/{mark.name}"), body)

    answer = program.good("prune")
    assert "2 snapshots in the trash, 0 packs" in answer.err
    assert "2 sauvegardes de la corbeille" in program.good("prune", REBOND_LANG="fr").err
    assert program.ask("prune")["left_to_others"] == {"records": 2, "packs": 0}


def test_a_prune_that_copied_more_than_it_could_delete_frees_no_negative_sizes() -> None:
    """Backups run beside it: what it copied out of old packs stands twice until a later one."""
    plan = PrunePlan(
        records=(),
        packs=(),
        repacked=(),
        references=(),
        lists=(),
        journals=(),
        taken_up=(),
        waiting_for=(),
        left_packs=0,
        total_bytes=0,
    )
    outcome = PruneOutcome(
        plan=plan,
        records=(ObjectName("snapshots/a"),),
        deleted=("packs/a", "packs/b"),
        spared=(),
        voided=(),
        waiting_for=(),
        freed_bytes=-5_000_000,
        copied_bytes=9_000_000,
    )

    text = outcome_text(outcome)
    assert "Deleted 2 objects and dropped 1 snapshot" in text
    assert "5.00 MB more for now" in text
    assert "-" not in text
    assert "freed -" not in outcome_text(replace(outcome, freed_bytes=5_000_000))
