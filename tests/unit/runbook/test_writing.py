"""Runbooks of both guides' stacks, and of stacks that lack this or that."""

import ast
import os
import pathlib
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from tests.typed_commands import refusal_of
from tests.unit.runbook.page_of import EXAMPLES, OFFERED, WRITTEN_MS, facts_of, html_of, load, markdown_of
from tests.unit.test_errors import PAGE, every_error

from rebond.cli.output.endings import FAULT
from rebond.errors import Interrupted
from rebond.pages.words import say
from rebond.runbook.describing import conceal
from rebond.runbook.error_catalogue import TROUBLES
from rebond.runbook.facts import (
    DrilledPart,
    DrillFacts,
    HistoryFacts,
    Offered,
    PlaceFacts,
    Revision,
    RunFacts,
    Saved,
    SnapshotFacts,
    VaultFacts,
)

KORRIGO = EXAMPLES / "korrigo.toml"
PIVORI = EXAMPLES / "pivori.toml"
SMALL = """\
version = 1
[stack]
name = "shop"
[vault]
url = "vault"
[component.media]
kind = "files"
path = "media"
rto = "10min"
[component.db]
kind = "postgres"
host = "db.internal"
database = "shop"
password = { env = "DB_PASSWORD" }
[restore]
stop = [{ run = "curl -H 'Authorization: token=s3cr3t-canary' gate" }]
[drill]
checks = [{ name = "login", run = "login --password=th1rd-canary --user keeper" }]
"""


@pytest.fixture
def small(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "rebond.toml").write_text(SMALL)
    return tmp_path / "rebond.toml"


def blocks_of(page: str) -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def sections_of(page: str) -> list[str]:
    return re.findall(r"^## (\d|[A-Z])\. ", page, re.MULTILINE)


@pytest.mark.parametrize("example", [KORRIGO, PIVORI], ids=["korrigo", "pivori"])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_both_guides_stacks_get_all_nine_sections_and_what_is_attached(example: pathlib.Path, language: str) -> None:
    page = markdown_of(facts_of(load(example), language))
    parts = re.split(r"^##+ .*$", page, flags=re.MULTILINE)

    assert sections_of(page) == [*"123456789", "A", "B"]
    assert [re.sub(r"\s", "", each) for each in parts[2:]].count("") <= 10  # headings whose text is below the next one
    assert "complétée dans le prochain step" not in page


def test_every_variable_that_the_configuration_needs_is_named() -> None:
    page = markdown_of(facts_of(load(KORRIGO)))
    (part,) = re.findall(r"^### 2.4 .*?^### ", page, re.MULTILINE | re.DOTALL)

    assert set(re.findall(r"`(POSTGRES_\w+)`", part)) == {"POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"}


def test_a_vault_in_a_store_is_copied_before_the_rescue_program_reads_it(small: pathlib.Path) -> None:
    address = "s3://shop-backups/vault?endpoint=https://minio.internal:9000&region=x"
    place = PlaceFacts(name="vault", address=address, purpose=say("the snapshots of the stack"), opened_by="x")
    page = markdown_of(facts_of(load(small), places=[place], vault=VaultFacts(carries_wheels=True)))
    without = page.partition("#### 5.9.1")[2].partition("### 5.10")[0]

    assert "`aws s3 sync s3://shop-backups/vault ~/vault-copy --endpoint-url https://minio.internal:9000`" in without
    assert '"$(ls ~/vault-copy/rescue/rescue-*.py | sort -V | tail -1)" ~/vault-copy latest ~/back shop' in without
    assert len(re.findall(r"s3://\S+/rescue", page)) == 0


def test_the_key_of_a_store_is_asked_for_on_a_bare_machine_and_listed_with_the_variables(small: pathlib.Path) -> None:
    place = PlaceFacts(
        name="vault", address="s3://shop/vault", purpose=say("the snapshots of the stack"), opened_by="x"
    )
    page = markdown_of(facts_of(load(small), places=[place]))
    bare = page.partition("### 5.9 ")[2].partition("rebond recover")[0]
    assert "`export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…`" in bare
    assert "| `AWS_SECRET_ACCESS_KEY` | " in page.partition("### 2.4 ")[2].partition("### 2.5 ")[0]
    assert "AWS_" not in markdown_of(facts_of(load(small)))  # a directory needs none


def test_the_stack_is_named_on_a_bare_machine_because_the_vault_may_hold_others(small: pathlib.Path) -> None:
    page = markdown_of(facts_of(load(small)))

    assert 'rebond recover /backups/vault --stack shop --to "$TO" --yes' in page
    assert '"$TO"/rebond.toml' in page


def test_without_a_rule_in_the_configuration_the_line_that_cleans_up_names_one(small: pathlib.Path) -> None:
    assert "\nrebond forget --keep-within 30d --dry-run --explain\n" in markdown_of(facts_of(load(small)))
    assert "\nrebond forget --dry-run --explain\n" in markdown_of(facts_of(load(KORRIGO)))


def test_a_stack_of_which_all_lies_apart_names_no_component_that_is_not_there(small: pathlib.Path) -> None:
    head = SMALL.partition("[component.media]")[0]
    small.write_text(
        f'{head}[vaults.safe]\nurl = "safe"\n[component.keys]\nkind = "secrets"\npaths = [".env"]\nvault = "safe"\n'
    )
    page = markdown_of(facts_of(load(small)))

    assert "None" not in page
    assert "rebond find '*/*'" in page


def test_the_same_facts_give_the_same_text_and_both_languages_the_same_page(small: pathlib.Path) -> None:
    loaded = load(small)
    english, french = (markdown_of(facts_of(loaded, language)) for language in ("en", "fr"))

    assert markdown_of(facts_of(loaded)) == english
    assert blocks_of(english) == blocks_of(french)
    assert re.findall(r"^#+ [\d.]*", english, re.MULTILINE) == re.findall(r"^#+ [\d.]*", french, re.MULTILINE)


def test_the_french_page_holds_no_english_sentence(small: pathlib.Path) -> None:
    page = markdown_of(facts_of(load(small), "fr"))
    prose = re.sub(r"^```.*?^```|`[^`]*`", "", page, flags=re.MULTILINE | re.DOTALL)

    assert re.findall(r"\b(?:the|and|with|what|which|not|restores?)\b", prose) == []


def test_what_korrigo_wrote_down_is_on_its_page() -> None:
    page = markdown_of(facts_of(load(KORRIGO), "fr"))

    for words in (
        "devops@example.com",
        "DBA",
        "collectstatic",
        "0 3 \\* \\* \\*",
        "P0",
        "compose:db",
        "media_volume",
        "30 d",
    ):
        assert words.replace("\\*", "*") in page or words in page
    assert "docker compose -f infra/docker/docker-compose.prod.yml stop backend nginx" in page


def test_every_scenario_of_pivori_has_its_time_its_steps_and_a_warning() -> None:
    page = markdown_of(facts_of(load(PIVORI)))
    scenarios = re.findall(r"^#### 5\.8\.\d .*?(?=^#### 5\.8|^### 5\.9)", page, re.MULTILINE | re.DOTALL)

    assert len(scenarios) == 4
    for each, promised in zip(scenarios, ("10 min", "1 h", "2 h", "4 h"), strict=True):
        assert f"Promised within {promised}." in each
        assert "1. " in each
        assert "\n> " in each
    assert "ufw default deny incoming" in scenarios[3]
    assert "\nrebond drill --scenario corrupted-data\n" in scenarios[1]
    assert "\nrebond drill latest --scenario security-breach\n" in scenarios[3]


def test_without_questions_of_ones_own_people_look_for_the_last_good_moment(small: pathlib.Path) -> None:
    small.write_text(small.read_text().replace("checks = [", "postgres = 'auto' # ["))
    page = markdown_of(facts_of(load(small)))

    assert "halving the time between good and bad" in page
    assert "--scenario corrupted-data" not in page.split("#### 5.8.2")[1].split("```bash")[1]


def test_where_nothing_was_measured_it_says_so_and_how_to_measure(small: pathlib.Path) -> None:
    page = markdown_of(facts_of(load(small)))

    assert "not measured yet: run `rebond drill`" in page
    assert not re.search(r"Measured by a drill", page)


def test_what_a_drill_measured_stands_beside_what_was_promised(small: pathlib.Path) -> None:
    drills = (
        drill_of("pass", 71.0, began_ms=WRITTEN_MS - 10_000_000),
        drill_of("pass", 93.0, began_ms=WRITTEN_MS - 5_000_000, scenario="lost-service"),
    )
    page = markdown_of(facts_of(load(small), history=HistoryFacts(drills=drills)))

    assert re.search(r"\| `media` \| – \| 10 min \| 1 min 33 s on 2026-02-02 01:16:40", page)
    assert "Measured by a drill: 1 min 33 s." in page


def test_a_drill_of_a_part_is_said_to_be_one_and_what_would_be_lost_stands_beside_each_component(
    small: pathlib.Path,
) -> None:
    part = {"media": DrilledPart(bytes=1, seconds=93, lost_seconds=7200)}
    whole = replace(drill_of("pass", 93, began_ms=1), parts=part)
    sample = replace(drill_of("pass", 1, began_ms=2), is_sample=True, tells_times=False, tells_components=False)
    service = replace(drill_of("pass", 1, began_ms=3, scenario="lost-service"), tells_components=False)
    chosen = {"media": DrilledPart(bytes=1, seconds=93)}  # from before a breach: it tells the time, and no loss
    breach = replace(drill_of("pass", 93, began_ms=2, scenario="security-breach"), parts=chosen)
    page = markdown_of(facts_of(load(small), history=HistoryFacts(drills=(whole, breach, sample, service))))

    assert re.search(r"\| `media` \| – \| 10 min \| 1 min 33 s on [^|]* \| [^|]* \| 2 h \|", page)
    assert re.findall(r"\| (a part came back|all came back), every question", page) == [
        "all came back",
        "all came back",
        "a part came back",
        "a part came back",
    ]


def test_what_a_restore_took_stands_beside_the_command_that_was_typed(small: pathlib.Path) -> None:
    runs = [
        RunFacts(kind="restore", class_name="", began_ms=1, seconds=seconds, status=0, options=(option, "yes"))
        for option, seconds in (("to", 61.0), ("in_place", 122.0), ("rollback", 183.0))
    ]
    page = markdown_of(facts_of(load(small), history=HistoryFacts(runs=tuple(runs))))
    beside, in_place = (re.split(rf"^### {number} ", page, flags=re.MULTILINE)[1] for number in ("5.3", "5.4"))

    assert "exit status 0, 1 min 1 s." in beside.partition("\n### ")[0]
    assert "exit status 0, 2 min 2 s." in in_place.partition("\n### ")[0]
    assert "3 min 3 s" not in page


def drill_of(verdict: str, seconds: float, *, began_ms: int, scenario: str = "") -> DrillFacts:
    return DrillFacts(
        began_ms=began_ms,
        verdict=verdict,
        snapshot="abcd1234",
        scenario=scenario,
        rto_seconds=seconds,
        rpo_seconds=3600,
        parts={"media": DrilledPart(bytes=1, seconds=seconds)},
    )


def test_no_secret_of_a_command_is_on_the_page(small: pathlib.Path) -> None:
    facts = facts_of(load(small))
    pages = markdown_of(facts) + html_of(facts)

    assert [each for each in ("s3cr3t-canary", "th1rd-canary") if each in pages] == []
    assert "DB_PASSWORD" in pages


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("psql 'postgresql://shop:hush@db/shop'", "psql 'postgresql://shop:***@db/shop'"),
        ("PGPASSWORD=hush psql", "PGPASSWORD=*** psql"),
        ('api_key = "hush hush"', "api_key = ***"),
        ("tool --token hush --fast", "tool --token *** --fast"),
        ('password = { env = "DB" }', 'password = { env = "DB" }'),
        ("PGPASSWORD=$DB psql", "PGPASSWORD=$DB psql"),
        ("tar -czf /backup/token.tar.gz data", "tar -czf /backup/token.tar.gz data"),
    ],
)
def test_what_looks_like_a_secret_is_left_out_and_the_rest_stays(said: str, kept: str) -> None:
    assert conceal(said) == kept


def test_a_command_that_this_program_does_not_have_is_on_no_page(small: pathlib.Path) -> None:
    bare = Offered(commands=frozenset({"backup", "restore"}), options=frozenset())
    page = markdown_of(facts_of(load(small), offered=bare))
    blocks = "".join(blocks_of(page))

    assert not re.search(r"rebond (drill|recover|status)|--in-place|--into", blocks)
    assert "This version has no restore in place" in page


def test_the_rescue_of_a_vault_whose_name_has_spaces_can_be_typed_and_takes_the_newest_program(
    small: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    vault = tmp_path / "my vault's" / "v"
    (vault / "rescue").mkdir(parents=True)
    for version in ("0.9.0", "0.10.0"):
        (vault / "rescue" / f"rescue-{version}.py").write_text("import sys; print(sys.argv)")
    place = PlaceFacts(name="vault", address=str(vault), purpose=say("the snapshots of the stack"), opened_by="x")
    for facts in (VaultFacts(), VaultFacts(carries_wheels=True)):
        page = markdown_of(facts_of(load(small), places=[place], vault=facts))
        found = re.findall(r"(?:~/libs/bin/python|PYTHONPATH=~/libs python3) \"\$\(ls .*?~/back", page)
        assert len(found) == 1 + facts.carries_wheels
        for line in found:
            typed = line.replace("~/libs/bin/python", sys.executable)
            done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True, check=True)
            assert ast.literal_eval(done.stdout)[:3] == [f"{vault}/rescue/rescue-0.10.0.py", str(vault), "latest"]


def test_every_command_on_the_page_exists(small: pathlib.Path) -> None:
    page = markdown_of(facts_of(load(small), targets={"db": "postgresql://db.internal/shop_restored"}))
    lines = [
        line
        for block in re.findall(r"^```bash\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]
    called = [line for line in lines if line.startswith("rebond ") and not line.startswith("rebond --version")]

    assert len(called) > 40
    for line in called:
        name = next(
            " ".join(line.split()[1 : 1 + count])
            for count in (2, 1)
            if " ".join(line.split()[1 : 1 + count]) in OFFERED.commands
        )
        options = set(re.findall(r" (--[a-z-]+)", line)) - {"--vault"}
        assert all(OFFERED.has(name, each) for each in options), line


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_command_on_the_page_is_taken_as_it_stands(small: pathlib.Path, language: str) -> None:
    facts = facts_of(load(small), targets={"db": "postgresql://db.internal/shop_restored"}, language=language)
    page = markdown_of(facts)
    blocks = re.findall(r"^```bash\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("rebond ")]
    lines += [line.replace("\\|", "|") for line in re.findall(r"`(rebond [a-z][^`\n]*)`", page)]

    assert len(lines) > 60
    assert {line: refused for line in lines if (refused := refusal_of(line))} == {}


def test_a_program_that_no_shell_finds_by_itself_is_found_by_the_first_lines_and_not_on_a_new_machine(
    small: pathlib.Path,
) -> None:
    facts = facts_of(load(small))
    line = "export PATH='/opt/my tools/bin':\"$PATH\"\n"
    machine = replace(facts.machine, program_folder=pathlib.Path("/opt/my tools/bin"))
    page = markdown_of(replace(facts, machine=machine))

    assert "export PATH" not in markdown_of(facts)
    assert page.index(line) < page.index("rebond snapshots")
    bare = page[page.index("### 5.9") : page.index("### 5.10")]
    assert "export REBOND_CONFIG" in bare
    assert line not in bare


def test_a_single_table_goes_back_into_the_live_database(small: pathlib.Path) -> None:
    page = markdown_of(facts_of(load(small), targets={"db": "postgresql://db.internal/shop_restored?host=/run/db"}))

    assert "rebond restore latest db --into 'postgresql://db.internal/shop?host=/run/db' --table TABLE" in page


def test_what_is_configured_and_not_carried_out_yet_is_a_gap_and_no_copy() -> None:
    loaded = load(KORRIGO)
    today = markdown_of(facts_of(loaded, offered=Offered(commands=frozenset({"backup"}), options=frozenset())))
    later = Offered(commands=frozenset({"backup", "notify", "replicate", "export"}), options=frozenset())

    for words in (
        "copies nothing to `s3`, `backup-server`",
        "sends no notices yet",
        "writes no files for other tools yet",
    ):
        assert words in today
        assert words not in markdown_of(facts_of(loaded, offered=later))
    assert "There is one vault only" in today


def test_the_key_of_a_writer_is_said_to_restore_nothing(small: pathlib.Path) -> None:
    loaded = load(small)

    assert "it can restore nothing" in markdown_of(facts_of(loaded, vault=VaultFacts(role="writer")))
    assert "it can restore nothing" not in markdown_of(facts_of(loaded, vault=VaultFacts(role="owner")))


def test_what_went_wrong_lately_is_in_the_troubles(small: pathlib.Path) -> None:
    failed = RunFacts(
        kind="backup", class_name="", began_ms=WRITTEN_MS, seconds=1, status=22, error="store-full", message="No room."
    )
    page = markdown_of(facts_of(load(small), history=HistoryFacts(runs=(failed,))))

    assert re.search(r"\| `backup` \| 22 \| `store-full` \| No room. \|", page)


def test_the_newest_snapshot_and_earlier_revisions_are_named(small: pathlib.Path) -> None:
    snapshot = SnapshotFacts(
        id="feed1234",
        time_ms=WRITTEN_MS,
        class_name="daily",
        is_whole=True,
        components=(Saved(name="media", kind="files", files=7, bytes=5_000_000),),
    )
    revision = Revision(written_ms=WRITTEN_MS - 1, user="ann", program="rebond 1.2.2", reason="")
    page = markdown_of(
        facts_of(load(small), vault=VaultFacts(snapshots=(snapshot,)), history=HistoryFacts(revisions=(revision,)))
    )

    assert "`feed1234`" in page
    assert "7 files, 5.00 MB" in page
    assert "| revision | 2 |" in page
    assert "| ann | rebond 1.2.2 |" in page


def test_the_manual_and_the_runbook_say_the_same_of_every_error() -> None:
    known = {each.code: each for each in TROUBLES}
    made = {each.code: each.exit_status for each in every_error()}
    made |= {Interrupted.code: Interrupted.exit_status, FAULT: 1}
    sections = re.findall(
        r"^## `([a-z-]+)`\n\n(.+?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )

    assert {code: each.status for code, each in known.items()} == made
    for code, text in sections:
        manual = " ".join(text.split())
        for sentence in (known[code].means, known[code].remedy):
            assert sentence.template in manual, f"{code}: runbook/error_catalogue.py and language/fr/troubles.py"


def test_secrets_that_are_copied_over_leave_the_folders_as_they_are(tmp_path: pathlib.Path) -> None:
    """The folders that a restore makes for secrets are their owner's alone; those of the stack are not."""
    root, back = tmp_path / "stack", tmp_path / "back" / "keys"
    (root / "infra").mkdir(parents=True)
    (back / "infra").mkdir(parents=True)
    (back / "infra" / "a b.env").write_text("new")
    (root / "infra" / "a b.env").write_text("old")
    for folder, mode in ((root, 0o755), (root / "infra", 0o751), (back, 0o700), (back / "infra", 0o700)):
        folder.chmod(mode)
    head = 'version = 1\n[stack]\nname = "shop"\n[vault]\nurl = "vault"\n'
    (root / "rebond.toml").write_text(f'{head}[component.keys]\nkind = "secrets"\npaths = [".env", "infra/*.env"]\n')
    page = markdown_of(facts_of(load(root / "rebond.toml")))
    (line,) = re.findall(r"^ls -d .*/keys/\..*--backup=numbered.*$", page, re.MULTILINE)
    subprocess.run(["bash", "-c", line], env={**os.environ, "TO": str(back.parent)}, check=True, capture_output=True)

    assert [each.stat().st_mode & 0o777 for each in (root, root / "infra")] == [0o755, 0o751]
    assert (root / "infra" / "a b.env").read_text() == "new"
    assert (root / "infra" / "a b.env.~1~").read_text() == "old"
