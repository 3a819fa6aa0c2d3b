"""One wrong example for each rule, with the line and the exact words."""

import pathlib

import pytest
from tests.unit.config.written import read, read_body, told

SECRET_FIX = (
    'Put it into a file that only you can read, then say {0} = {{ file = "/etc/rebond/{0}" }}, or take it from the '
    'environment with {{ env = "NAME" }}. Then change the secret: it was readable here.'
)
URL_FIX = (
    'Take the password out into password = {{ file = "…" }} where there is such a key, or the whole address: '
    '{0} = {{ file = "…" }}. Then change the password: it was readable here.'
)
LOCK_FIX = (
    "Let the bucket itself keep what is deleted (versions, a default retention), or give this machine a credential "
    "that may not delete. 'rebond doctor' tries what it may."
)
SAME_NAMES = (
    "'class.{}' writes files of the same names as 'class.all.export[1]', into the same folder: one takes the other's "
    "away."
)
KINDS = "files, postgres, sqlite, mysql, redis, command, django, secrets, images, versioned, regenerable, ephemeral"
FILES = '[component.media]\nkind = "files"\npath = "media"\n'
DATABASE = '[component.db]\nkind = "postgres"\n'
MANUAL = '[class.all]\ntrigger = "manual"\ncomponents = "all"\n'

# body from line 4, then: line, message, hint
WRONG: dict[str, tuple[str, int, str, str]] = {
    "an unknown key, with the nearest": (
        FILES + 'exlude = ["x"]',
        7,
        "Unknown key 'component.media.exlude'.",
        "Did you mean 'exclude'?",
    ),
    "an unknown key, with none near": (
        '[log]\ncolour = "red"',
        5,
        "Unknown key 'log.colour'.",
        "Known here: count, file, journal, level, mode, size.",
    ),
    "an unknown table": ("[restorre]", 4, "Unknown key 'restorre'.", "Did you mean 'restore'?"),
    "an unknown kind": (
        '[component.db]\nkind = "postgers"',
        5,
        "'component.db.kind' cannot be 'postgers'.",
        "Did you mean 'postgres'?",
    ),
    "no kind": (
        '[component.db]\npath = "x"',
        4,
        "'component.db' does not say its kind.",
        f'Add kind = "…"; it is one of: {KINDS}.',
    ),
    "a missing key": ('[[replica]]\nname = "s3"', 4, "'replica[1].url' is missing.", "Add it: url = …"),
    "text where there is a number": (
        "[component.media]\nkind = 'files'\npath = 5",
        6,
        "'component.media.path' has to be text.",
        "Put it in quotes.",
    ),
    "text that is empty": (
        "[component.media]\nkind = 'files'\npath = ''",
        6,
        "'component.media.path' is empty.",
        "Write what is meant, or take the line out.",
    ),
    "a flag in quotes": (
        FILES + 'gitignore = "yes"',
        7,
        "'component.media.gitignore' has to be true or false.",
        "Write it without quotes.",
    ),
    "a number in quotes": (
        '[limits]\nnice = "10"',
        5,
        "'limits.nice' has to be a whole number.",
        "Write it without quotes.",
    ),
    "a number out of range": ("[limits]\nnice = 40", 5, "'limits.nice' cannot be 40.", "It is from 0 to 19."),
    "a number that is negative": (
        MANUAL + "keep = { daily = -1 }",
        7,
        "'class.all.keep.daily' cannot be -1.",
        "It is at least 0.",
    ),
    "a list that is none": (
        FILES + 'exclude = "*.log"',
        7,
        "'component.media.exclude' has to be a list.",
        "Put it in brackets: [ … ].",
    ),
    "an item of a list": (
        FILES + 'exclude = [\n  "*.log",\n  7,\n]',
        9,
        "'component.media.exclude[2]' has to be text.",
        "Put it in quotes.",
    ),
    "a choice": (
        FILES + 'strategy = "smrt"',
        7,
        "'component.media.strategy' cannot be 'smrt'.",
        "Did you mean 'smart'?",
    ),
    "a choice with none near": (
        '[vault]\nurl = "/v"\nlevel = "11"',
        6,
        "'vault.level' cannot be '11'.",
        "It is one of: fast, balanced, small, dense.",
    ),
    "a length of time": (
        FILES + 'rpo = "1 fortnight"',
        7,
        "'1 fortnight' is not a length of time.",
        "Write numbers with s, m, h, d, w, mo or y, such as 30d, 2h or 1h30m.",
    ),
    "a size": (
        FILES + 'larger_than = "big"',
        7,
        "'big' is not a size.",
        "Write a number and a unit, such as 500kB, 10MB or 1GiB.",
    ),
    "a comparison": (
        FILES + 'expect = { files = "100" }',
        7,
        "'component.media.expect.files' has to be a comparison with a count.",
        "Write one of >= <= > < = and an amount, such as '>= 100'.",
    ),
    "what nothing is saved of": (
        '[component.tmp]\nkind = "ephemeral"\nexpect = { files = ">= 1" }',
        6,
        "'component.tmp.expect' judges nothing: of a component of kind 'ephemeral' nothing is saved.",
        "Take it out, or make this a component of a kind that is saved.",
    ),
    "a comparison with another amount": (
        FILES + 'expect = { shrink = "<= 1GB" }',
        7,
        "'component.media.expect.shrink' has to be a comparison with a share.",
        "Write one of >= <= > < = and an amount, such as '<= 20%'.",
    ),
    "a schedule": (
        '[class.all]\nschedule = "every day"\ncomponents = "all"',
        5,
        "'every day' is not a schedule.",
        "Write minute, hour, day, month and weekday, such as '0 3 * * *' for every day at three.",
    ),
    "a schedule that never fires": (
        '[class.all]\nschedule = "0 3 31 2 *"\ncomponents = "all"',
        5,
        "'0 3 31 2 *' is not a schedule.",
        "Write minute, hour, day, month and weekday, such as '0 3 * * *' for every day at three.",
    ),
    "a rhythm": (
        MANUAL + 'verify = "weekyl"',
        7,
        "'class.all.verify' cannot be 'weekyl'.",
        "Did you mean 'weekly'?",
    ),
    "maintenance": (
        '[[maintenance]]\nwhen = "tonight"',
        5,
        "'tonight' are no hours.",
        "Write 'Tue 22:00-23:00', or '22:00-23:00' for every day.",
    ),
    "an address without an engine": (
        DATABASE + 'in = "db"',
        6,
        "'component.db.in' is no address: 'db'.",
        "Write compose:NAME, docker:NAME, podman:NAME or kubernetes:KIND/NAME[/CONTAINER].",
    ),
    "an address of an unknown engine": (
        DATABASE + 'in = "dokcer:db"',
        6,
        "'component.db.in' cannot be 'dokcer'.",
        "Did you mean 'docker'?",
    ),
    "an address in Kubernetes without a kind": (
        DATABASE + 'in = "kubernetes:db"',
        6,
        "'component.db.in' is no address: 'kubernetes:db'.",
        "Write compose:NAME, docker:NAME, podman:NAME or kubernetes:KIND/NAME[/CONTAINER].",
    ),
    "a name": (
        '[component."my media"]\nkind = "ephemeral"',
        4,
        "'my media' cannot be a name.",
        "Names are letters, digits, '-', '_' and '.', begin with a letter or digit and have 64 at most.",
    ),
    "a password": (
        DATABASE + 'password = "hunter2"',
        6,
        "'component.db.password' is a secret and is written out.",
        SECRET_FIX.format("password"),
    ),
    "a passphrase": (
        '[vault]\nurl = "/v"\npassphrase = "hunter2"',
        6,
        "'vault.passphrase' is a secret and is written out.",
        SECRET_FIX.format("passphrase"),
    ),
    "a password as a default": (
        DATABASE + 'password = { env = "P", default = "hunter2" }',
        6,
        "'component.db.password.default' is a secret and is written out.",
        SECRET_FIX.format("default"),
    ),
    "a receiver of notices": (
        '[notify]\nfailure = [{ to = "slack://a/b/c" }]',
        5,
        "'notify.failure[1].to' is a secret and is written out.",
        SECRET_FIX.format("to"),
    ),
    "a password in an address": (
        '[vault]\nurl = "sftp://joe:hunter2@host/v"',
        5,
        "The address in 'vault.url' has a password in it.",
        URL_FIX.format("url"),
    ),
    "a password in the address of a command": (
        '[component.dump]\nkind = "command"\nrun = ["pg_dump", "postgres://joe:hunter2@db/shop"]',
        6,
        "The address in 'component.dump.run[2]' has a password in it.",
        URL_FIX.format("run"),
    ),
    "a reference to nowhere": (
        DATABASE + "password = {}",
        6,
        "'component.db.password' does not say where its text is, or says it twice.",
        "Give one of: env, file, command, keyring, hashicorp.",
    ),
    "a reference to an unknown place": (
        DATABASE + 'password = { fiel = "x" }',
        6,
        "'component.db.password' cannot be 'fiel'.",
        "Did you mean 'file'?",
    ),
    "a reference to two places": (
        DATABASE + 'password = { file = "x", env = "X" }',
        6,
        "'component.db.password' does not say where its text is, or says it twice.",
        "Give one of: env, file, command, keyring, hashicorp.",
    ),
    "a reference where text is judged now": (
        FILES + 'rpo = { file = "x" }',
        7,
        "'component.media.rpo' is judged when the configuration is read.",
        'Write it out, or take it from a variable: { env = "NAME", default = "…" }.',
    ),
    "a variable that is needed now and not set": (
        FILES + 'rpo = { env = "NOWHERE" }',
        7,
        "The variable NOWHERE is not set, and 'component.media.rpo' needs it now.",
        'Set it, or add a default: { env = "NOWHERE", default = "…" }.',
    ),
    "a time zone": (
        'timezone = "Europe/Pariss"',
        4,
        "There is no time zone 'Europe/Pariss'.",
        "Did you mean 'Europe/Paris'?",
    ),
    "a dangling component": (
        FILES + '[class.daily]\ntrigger = "manual"\ncomponents = ["media", "medai"]',
        9,
        "'class.daily.components[2]' names 'medai', which is nowhere.",
        "Did you mean 'media'?",
    ),
    "a dangling place": (
        MANUAL + "keep = { s3 = { daily = 7 } }",
        7,
        "'class.all.keep.s3' names 's3', which is nowhere.",
        "There are: vault.",
    ),
    "a dangling vault": (
        FILES + 'vault = "secrets"',
        7,
        "'component.media.vault' names 'secrets', which is nowhere.",
        "There are: –.",
    ),
    "a dangling export": (
        MANUAL + 'export = [{ component = "x", format = "zip", to = "/x" }]',
        7,
        "'class.all.export[1].component' names 'x', which is nowhere.",
        "There are: –.",
    ),
    "an export of what its class does not save": (
        FILES
        + DATABASE
        + MANUAL.replace("all]", "files]").replace('"all"', '["media"]')
        + 'export = [{ component = "db", format = "sql.gz", to = "out" }]\n'
        + '[class.rest]\ntrigger = "manual"\ncomponents = ["db"]',
        12,
        "'class.files.export[1].component' names db, which this class does not save: there is nothing to export.",
        "Add it to 'components' of the class, or export it where it is saved.",
    ),
    "two exports that take each other's files away": (
        FILES
        + MANUAL
        + 'export = [{ component = "media", format = "zip", to = "out", keep = "7d" }]\n'
        + '[class.monthly]\ntrigger = "manual"\ncomponents = "all"\n'
        + 'export = [{ component = "media", format = "zip", to = "./out/", keep = "1y" }]',
        14,
        SAME_NAMES.format("monthly.export[1]"),
        "Give each a folder of its own.",
    ),
    "two databases exported under one name": (
        DATABASE
        + DATABASE.replace("component.db", "component.other")
        + MANUAL
        + 'export = [{ component = "db", format = "sql.gz", to = "out" },\n'
        + '{ component = "other", format = "sql.gz", to = "out" }]',
        12,
        SAME_NAMES.format("all.export[2]"),
        "Give each a folder of its own.",
    ),
    "a dangling class in a hook": (
        MANUAL + '[hooks]\nbefore = [{ run = "true", for = ["al"] }]',
        8,
        "'hooks.before[1].for[1]' names 'al', which is nowhere.",
        "Did you mean 'all'?",
    ),
    "a dangling scenario": (
        '[restore]\nisolate = [{ run = "true", for = ["lost-servre"] }]',
        5,
        "'restore.isolate[1].for[1]' names 'lost-servre', which is nowhere.",
        "Did you mean 'lost-server'?",
    ),
    "a component in no class": (
        FILES + DATABASE + '[class.daily]\ntrigger = "manual"\ncomponents = ["media"]',
        7,
        "The component db is in no class, so nothing saves it.",
        "Add it to 'components' of one of: daily.",
    ),
    "a class that does not say when": (
        '[class.all]\ncomponents = "all"',
        4,
        "'class.all' does not say when.",
        'Add schedule = "0 3 * * *", or trigger = "manual".',
    ),
    "a class that says when twice": (
        MANUAL + 'schedule = "0 3 * * *"',
        5,
        "'class.all' has both schedule and trigger.",
        "Keep one of the two.",
    ),
    "components that are one word": (
        FILES + '[class.daily]\ntrigger = "manual"\ncomponents = "media"',
        9,
        "'class.daily.components' has to be \"all\" or a list.",
        'Write components = ["media"].',
    ),
    "retention by an unknown word": (
        MANUAL + 'keep = "forever"',
        7,
        "'class.all.keep' cannot be 'forever'.",
        'Write "for-ever", or rules such as { daily = 7, monthly = 12 }.',
    ),
    "a rule of retention that is misspelled": (
        MANUAL + "keep = { dayly = 7 }",
        7,
        "Unknown key 'class.all.keep.dayly'.",
        "Did you mean 'daily'?",
    ),
    "retention that keeps nothing": (
        MANUAL + "keep = { daily = 0 }",
        7,
        "'class.all.keep' keeps nothing.",
        'Give a rule, such as daily = 7 or within = "30d".',
    ),
    "a replica that is called like the vault": (
        '[[replica]]\nname = "vault"\nurl = "/v"',
        5,
        "'vault' is the name of another place or a word of 'keep'.",
        "Choose another name.",
    ),
    "a storage class for a directory": (
        '[vault]\nurl = "/v"\nstorage_class = "STANDARD_IA"',
        6,
        "'vault.storage_class' is for a cloud store, and '/v' is none.",
        'Take storage_class out, or name a bucket: url = "s3://BUCKET/PREFIX".',
    ),
    "two storage classes": (
        '[vaults.apart]\nurl = "s3://b/v?region=x&storage_class=A"\nstorage_class = "B"',
        6,
        "'vaults.apart.storage_class' names a storage class, and so does the address in 'vaults.apart.url'.",
        "Keep one of the two.",
    ),
    "a lock that nobody sets": (
        '[vault]\nurl = "s3://b/v"\nlock = "compliance"',
        6,
        "'vault.lock' is not carried out by this version: nothing is locked in the store.",
        LOCK_FIX,
    ),
    "files that say no path": (
        '[component.media]\nkind = "files"',
        4,
        "'component.media' does not say what it saves.",
        'Add path = "…".',
    ),
    "path and paths": (
        FILES + 'paths = ["x"]',
        7,
        "'component.media' has both path and paths.",
        "Keep one of the two.",
    ),
    "a volume without the database in it": (
        '[component.orders]\nkind = "sqlite"\nvolume = "y"',
        4,
        "'component.orders' does not say what it saves.",
        'Add path = "…".',
    ),
    "in and volume": (
        FILES + 'in = "docker:x"\nvolume = "y"',
        8,
        "'component.media' has both in and volume.",
        "Keep one of the two.",
    ),
    "a write-ahead log for a dump": (
        DATABASE + 'wal = "receive"',
        6,
        "'component.db.wal' needs the physical method.",
        'Add method = "physical", or take wal out.',
    ),
    "a check that asks nothing": (
        '[drill]\nchecks = [{ name = "x" }]',
        5,
        "'drill.checks[1]' has to ask exactly one thing.",
        "Give one of: run, url, sql.",
    ),
    "an objective that no schedule reaches": (
        FILES + 'rpo = "1h"\n[class.daily]\nschedule = "0 3 * * *"\ncomponents = "all"',
        7,
        "The component media may lose 1 h, but its quickest class, daily, runs every 1 d.",
        "Let class.daily run more often, or allow more with rpo.",
    ),
}


@pytest.mark.parametrize("rule", WRONG)
def test_a_wrong_example_is_told_with_its_line_and_its_remedy(rule: str, tmp_path: pathlib.Path) -> None:
    body, line, message, hint = WRONG[rule]
    found = told(read_body(tmp_path, body))

    assert found == [(line, message, hint)]
    assert "hunter2" not in str(found)


def test_all_problems_are_told_at_once_by_file_and_line(tmp_path: pathlib.Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "more.toml").write_text('[component.db]\nkind = "postgres"\npassword = "hunter2"\n')
    verdict = read(
        tmp_path,
        """\
        version = 2
        include = ["conf.d/*.toml", "missing.toml"]
        root = "/srv"
        [stack]
        nmae = "shop"
        [component.media]
        kind = "files"
        pth = "media"
        [class.daily]
        schedule = "0 3 * *"
        components = ["media", "database"]
        """,
    )
    places = [(pathlib.Path(each.place.file).name, each.place.line) for each in verdict.problems]

    assert verdict.loaded is None
    assert places == [
        ("rebond.toml", 1),
        ("rebond.toml", 2),
        ("rebond.toml", 3),
        ("rebond.toml", 4),
        ("rebond.toml", 5),
        ("rebond.toml", 8),
        ("rebond.toml", 10),
        ("rebond.toml", 11),
        ("more.toml", 3),
    ]
    assert told(verdict)[2][1:] == ("'root' does not stand here.", "Move it to [stack].")


def test_what_is_not_toml_is_one_problem_with_its_line(tmp_path: pathlib.Path) -> None:
    found = told(read(tmp_path, "version = 1\n[stack]\nname = shop\n"))

    assert [(line, message.partition(":")[0]) for line, message, _ in found] == [(3, "This is not TOML")]


def test_what_is_not_utf8_is_one_problem_with_its_line(tmp_path: pathlib.Path) -> None:
    from rebond.config.loading import load_configuration

    path = tmp_path / "rebond.toml"
    path.write_bytes(b'version = 1\nx = "\xff"\n')

    assert told(load_configuration(path, {}))[0][:2] == (2, "This is not TOML: it is not UTF-8.")


def test_an_unreachable_objective_is_a_warning_and_the_configuration_serves(tmp_path: pathlib.Path) -> None:
    verdict = read_body(tmp_path, WRONG["an objective that no schedule reaches"][0])

    assert [each.is_warning for each in verdict.problems] == [True]
    assert verdict.loaded


@pytest.mark.parametrize(
    ("class_", "component"),
    [
        ('schedule = "0 * * * *"', FILES + 'rpo = "1h"'),
        ('schedule = "0 3 * * *"', FILES + 'rpo = "24h"'),  # also in a zone whose clock is changed
        ('trigger = "change"', FILES + 'rpo = "0s"'),
        ('schedule = "0 3 * * *"', DATABASE + 'rpo = "1h"\nmethod = "physical"\nwal = "receive"'),
    ],
)
def test_an_objective_that_is_reached_is_not_mentioned(tmp_path: pathlib.Path, class_: str, component: str) -> None:
    body = f'timezone = "Europe/Paris"\n{component}\n[class.all]\n{class_}\ncomponents = "all"'

    assert told(read_body(tmp_path, body)) == []


def test_what_nobody_saves_needs_no_class(tmp_path: pathlib.Path) -> None:
    ephemeral = '[component.cache]\nkind = "ephemeral"\n'
    body = FILES + ephemeral + '[class.daily]\ntrigger = "manual"\ncomponents = ["media"]'

    assert told(read_body(tmp_path, body)) == []
    assert told(read_body(tmp_path, FILES + ephemeral)) == []


def test_a_variable_in_an_address_is_no_password(tmp_path: pathlib.Path) -> None:
    body = '[component.dump]\nkind = "command"\nrun = "pg_dump postgres://joe:$PASSWORD@db/shop"'

    assert told(read_body(tmp_path, body)) == []


def test_an_included_file_may_add_but_not_contradict(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.toml").write_text('[vault]\nurl = "/other"\nlevel = "small"\n[[contact]]\nrole = "r"\nto = "t"\n')
    verdict = read(
        tmp_path,
        'version = 1\ninclude = ["a.toml"]\n[stack]\nname = "shop"\n[vault]\nurl = "/v"\n'
        '[[contact]]\nrole = "a"\nto = "b"\n',
    )

    (problem,) = verdict.problems
    assert problem.error.message == f"'vault.url' is said twice: {tmp_path / 'rebond.toml'}:6 says it first."
    assert str(problem.place) == f"{tmp_path / 'a.toml'}:2"
    assert isinstance(verdict.document, dict)
    assert len(verdict.document["contact"]) == 2
    assert verdict.document["vault"]["level"] == "small"


def test_a_missing_table_is_asked_for_as_a_table(tmp_path: pathlib.Path) -> None:
    from rebond.config.loading import load_configuration

    path = tmp_path / "rebond.toml"
    path.write_text("version = 1\n")
    assert told(load_configuration(path, {})) == [
        (1, "[stack] is missing.", "Add a line [stack], and below it what it says.")
    ]
