"""Both published examples: they load, and mean what they say."""

import json
import pathlib
import tomllib

import pytest

from rebond.config.classes import EVERYWHERE, Keep
from rebond.config.components import Files, Images, Postgres, Regenerable, Secrets, Versioned
from rebond.config.json_schema import make_schema
from rebond.config.loading import Verdict, load_configuration
from rebond.config.model import Configuration
from rebond.config.quantities import Bound, Inside, Requirement, Room
from rebond.config.references import FromEnvironment, FromFile

EXAMPLES = pathlib.Path(__file__).parents[3] / "docs" / "examples"
DAY = 86_400


def load(name: str) -> Verdict:
    return load_configuration(EXAMPLES / f"{name}.toml", {})


@pytest.fixture(scope="module")
def korrigo() -> Configuration:
    loaded = load("korrigo").loaded
    assert loaded
    return loaded.configuration


@pytest.fixture(scope="module")
def pivori() -> Configuration:
    loaded = load("pivori").loaded
    assert loaded
    return loaded.configuration


def test_the_first_has_no_problem_and_the_second_one_promise_that_no_schedule_keeps() -> None:
    assert load("korrigo").problems == ()
    (problem,) = load("pivori").problems
    assert problem.is_warning
    assert problem.error.message == (
        "The component uploads may lose 1 h, but its quickest class, smart, runs every 1 d."
    )


@pytest.mark.parametrize("name", ["korrigo", "pivori"])
def test_nothing_that_is_written_is_lost(name: str) -> None:
    with (EXAMPLES / f"{name}.toml").open("rb") as file:
        assert load(name).document == tomllib.load(file)


def test_stack_and_vaults(korrigo: Configuration, pivori: Configuration) -> None:
    assert (korrigo.stack.name, korrigo.stack.timezone, korrigo.stack.language) == ("korrigo", "Europe/Paris", "fr")
    assert korrigo.vault
    assert korrigo.vault.passphrase == FromFile(file="/etc/rebond/korrigo.passphrase")
    assert korrigo.vault.reserve == Room(share=0.1)
    assert [each.name for each in korrigo.replica] == ["s3", "backup-server"]
    assert [each.site for each in korrigo.replica] == ["paris", "lyon"]
    assert pivori.vault
    assert pivori.vault.key == FromFile(file="/etc/rebond/writer.key")
    assert pivori.vaults["secrets"].url == "s3://pivori-secrets/vault"
    assert pivori.replica[0].lock == "compliance"
    assert pivori.stack.kubernetes
    assert pivori.stack.kubernetes.context == "production"


def test_components_of_the_first(korrigo: Configuration) -> None:
    database = korrigo.component["database"]
    assert isinstance(database, Postgres)
    assert database.inside == Inside(engine="compose", name="db")
    assert database.database == FromEnvironment(env="POSTGRES_DB", default="viatique")
    assert database.password == FromEnvironment(env="POSTGRES_PASSWORD")
    assert (database.rpo, database.rto, database.method) == (DAY, 900, "logical")
    assert database.expect
    assert database.expect.size == Bound(sign=">=", amount=1_000_000)
    assert database.expect.shrink == Bound(sign="<=", amount=0.2)
    media = korrigo.component["media"]
    assert isinstance(media, Files)
    assert media.expect
    assert media.expect.files == Bound(sign=">=", amount=100)
    secrets = korrigo.component["secrets"]
    assert isinstance(secrets, Secrets)
    assert (secrets.paths, secrets.rpo) == ((".env", "infra/docker/*.env"), 0)
    images, static = korrigo.component["images"], korrigo.component["static"]
    assert isinstance(images, Images)
    assert images.save == "local-only"
    assert isinstance(static, Regenerable)
    assert static.run == ("python", "manage.py", "collectstatic", "--noinput")
    versioned = korrigo.component["configuration"]
    assert isinstance(versioned, Versioned)
    assert versioned.remote == "origin"


def test_components_of_the_second(pivori: Configuration) -> None:
    code = pivori.component["code"]
    assert isinstance(code, Files)
    assert (code.strategy, code.omit) == ("smart", ("node_modules/", "venv/"))
    assert code.require[0] == Requirement(path="services")
    assert code.restart == "docker-compose restart {part}"
    database = pivori.component["database"]
    assert isinstance(database, Postgres)
    assert database.inside == Inside(engine="kubernetes", name="statefulset/postgres")
    assert (database.databases, database.wal, database.window) == (("*",), "receive", 7 * DAY)
    keys = pivori.component["api-keys"]
    assert isinstance(keys, Secrets)
    assert keys.hashicorp
    assert keys.hashicorp.address == FromEnvironment(env="VAULT_ADDR")
    assert keys.vault == "secrets"


def test_classes(korrigo: Configuration, pivori: Configuration) -> None:
    daily = korrigo.classes["daily"]
    assert (daily.schedule, daily.components[0], daily.verify) == ("0 3 * * *", "database", "weekly")
    assert daily.keep == {
        "vault": Keep(within=30 * DAY),
        "s3": Keep(within=90 * DAY),
        "backup-server": Keep(within=90 * DAY),
    }
    assert daily.drill
    assert daily.drill.rhythm == "weekly"
    assert (daily.export[0].format, daily.export[0].keep) == ("sql.gz", 30 * DAY)
    assert korrigo.classes["secrets"].keep == {EVERYWHERE: Keep(for_ever=True)}
    assert korrigo.classes["full"].takes_all
    smart = pivori.classes["smart"]
    assert smart.drill
    assert (smart.verify, smart.drill.rhythm, smart.drill.sample) == ("0 1 * * sat", "weekly", True)
    assert pivori.classes["before-major-deployment"].export[0].encrypt == "7z"


def test_everything_around(korrigo: Configuration, pivori: Configuration) -> None:
    assert korrigo.restore
    assert korrigo.restore.stop[0].timeout == 120
    assert korrigo.restore.healthy[0].within == 120
    assert korrigo.restore.aside
    assert korrigo.restore.aside.keep == 7 * DAY
    assert korrigo.objective["security-breach"].rto == 4 * 3600
    assert korrigo.drill
    assert korrigo.drill.start
    assert [each.name for each in korrigo.drill.checks] == ["users", "django", "health"]
    assert korrigo.notify
    assert korrigo.notify.heartbeat == FromFile(file="/etc/rebond/healthchecks-url")
    assert korrigo.schedule
    assert (korrigo.schedule.by, korrigo.schedule.after) == ("systemd", ("docker.service",))
    assert [each.role for each in korrigo.contact] == ["DevOps Lead", "DBA", "Ops Manager"]
    assert korrigo.maintenance[0].when == "Tue 22:00-23:00"
    assert pivori.hooks
    assert (pivori.hooks.before[0].only_for, pivori.hooks.before[0].on_failure) == (("complete",), "warn")
    assert pivori.hooks.after[0].always
    assert pivori.limits
    assert (pivori.limits.upload, pivori.limits.nice) == (20_000_000, 10)
    assert pivori.restore
    assert pivori.restore.isolate[0].only_for == ("security-breach",)


def test_the_schema_knows_every_key_that_the_examples_use() -> None:
    schema = make_schema()
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    assert json.loads(json.dumps(schema)) == schema
    for name in ("korrigo", "pivori"):
        document = load(name).document
        assert isinstance(document, dict)
        for component in document["component"].values():
            properties = definitions[component["kind"]]["properties"]
            assert set(component) <= set(properties)
            assert properties["kind"] == {"const": component["kind"]}
        for class_ in document["class"].values():
            assert set(class_) <= set(definitions["backup-class"]["properties"])
