"""A check that leads out of a drill is noticed by what it says, and what only looks like it is not."""

import pytest

from rebond.config.loading import load_configuration
from rebond.config.model import Loaded
from rebond.stack.drills.ways_out import find_way_out

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
[component.db]
kind = "postgres"
host = "/tmp"
database = "shop"
[component.other]
kind = "postgres"
host = "/srv/db/socket"
database = "other"
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    folder = tmp_path_factory.mktemp("ways")
    (folder / "rebond.toml").write_text(CONFIGURATION)
    loaded = load_configuration(folder / "rebond.toml", {}).loaded
    assert loaded is not None
    return loaded


@pytest.mark.parametrize(
    ("run", "way"),
    [
        ("sudo -u postgres psql -c 'SELECT 1'", "sudo"),
        ("cd src && sudo psql", "sudo"),
        ("if sudo -n true; then echo; fi", "sudo"),
        ("PGUSER=a /usr/bin/sudo psql", "sudo"),
        ('test "$(su - postgres -c psql)"', "su"),
        (("runuser", "-u", "postgres", "psql"), "runuser"),
        ("psql -h /tmp shop", "/tmp"),
        ("psql --host=/tmp/ shop", "/tmp"),
        ("psql 'host=/srv/db/socket dbname=other'", "/srv/db/socket"),
        ("psql postgresql:///other?host=%2Fsrv%2Fdb%2Fsocket", "/srv/db/socket"),
        ("test -S /tmp/.s.PGSQL.5432", "/tmp"),
        ("psql -h /var/run/postgresql", "/var/run/postgresql"),
        ("mysql --socket=/run/mysqld/mysqld.sock", "/run/mysqld"),
    ],
)
def test_what_leads_out_is_named(loaded: Loaded, run: str | tuple[str, ...], way: str) -> None:
    assert find_way_out(run, loaded) == way


@pytest.mark.parametrize(
    "run",
    [
        "psql -c 'SELECT count(*) FROM orders'",
        "python manage.py check --fail-level ERROR",
        "grep -q sudo src/list && ls su",
        "cat sudoers; su.sh; ./sudo-less",
        "test -e /tmp/restored/file -a ! -e /srv/db/socket-old",
        'psql -h "$PGHOST"',
        "pg_dump -f /tmp/out.sql",
    ],
)
def test_what_only_looks_like_it_is_run(loaded: Loaded, run: str) -> None:
    assert find_way_out(run, loaded) == ""


def test_the_usual_sockets_are_known_without_a_configuration() -> None:
    assert find_way_out("psql -h /run/postgresql", None) == "/run/postgresql"
