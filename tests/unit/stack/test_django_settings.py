"""Django's settings, read and not run."""

import pathlib

import pytest

from rebond.stack.django_code.django_settings import DjangoProject, read_django

Folder = pathlib.Path
MANAGE = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'
BASE = "import os\nfrom pathlib import Path\nBASE_DIR = Path(__file__).resolve().parent.parent\n"


def read(folder: Folder, settings: str, **variables: str) -> DjangoProject:
    (folder / "manage.py").write_text(MANAGE)
    (folder / "shop").mkdir(exist_ok=True)
    (folder / "shop" / "settings.py").write_text(settings)
    return read_django(folder / "manage.py", variables)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("MEDIA_ROOT = BASE_DIR / 'media'", "media"),
        ("MEDIA_ROOT = os.path.join(BASE_DIR, 'a', 'media')", "a/media"),
        ("MEDIA_ROOT = str(BASE_DIR / 'media')", "media"),
        ("MEDIA_ROOT = f'{BASE_DIR}/m'", "m"),
        ("MEDIA_ROOT = os.environ.get('MEDIA', BASE_DIR / 'other')", "from-variable"),
        ("MEDIA_ROOT = os.getenv('NOWHERE', 'relative')", "relative"),
        ("MEDIA_ROOT = env('NOWHERE', default=str(BASE_DIR.joinpath('x')))", "x"),
        ("MEDIA_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + '/y'", "y"),
        ("MEDIA_ROOT: str = Path(__file__).parents[1] / 'z'", "z"),
        ("if DEBUG:\n    MEDIA_ROOT = BASE_DIR / 'debug'\nelse:\n    MEDIA_ROOT = '/x'", "debug"),
        ("try:\n    MEDIA_ROOT = BASE_DIR / 'tried'\nexcept KeyError:\n    pass", "tried"),
        ("MEDIA_ROOT = os.path.join(os.path.dirname(__file__), '..', 'up')", "up"),
        ("MEDIA_ROOT = make_path()", None),
        ("MEDIA_ROOT = BASE_DIR / name_of()", None),
        ("MEDIA_ROOT = ''", None),
    ],
)
def test_the_place_of_uploads_is_worked_out_where_that_is_simple(
    tmp_path: Folder, line: str, expected: str | None
) -> None:
    found = read(tmp_path, BASE + line, MEDIA="from-variable")

    assert found.media == (tmp_path / expected if expected else None)


def test_databases_are_told_apart_and_sqlite_has_its_path(tmp_path: Folder) -> None:
    found = read(
        tmp_path,
        BASE
        + """
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"},
    "other": {"ENGINE": "django.db.backends.postgresql", "HOST": os.environ["DB_HOST"], "PASSWORD": secret()},
    "memory": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
    "up": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(os.path.dirname(__file__), "..", "up.sqlite3")},
}
DATABASES["late"] = {"ENGINE": "django.db.backends.mysql"}
""",
        DB_HOST="db",
    )

    assert {name: each.engine for name, each in found.databases.items()} == {
        "default": "sqlite3",
        "other": "postgresql",
        "memory": "sqlite3",
        "up": "sqlite3",
        "late": "mysql",
    }
    assert found.databases["default"].path == tmp_path / "db.sqlite3"
    assert found.databases["memory"].path is None
    assert found.databases["up"].path == tmp_path / "up.sqlite3"
    assert found.databases["other"].host == "db"


@pytest.mark.parametrize(
    "call", ["dj_database_url.config(default='postgres://x/y')", "env.db()", "env.db('DATABASE_URL')"]
)
def test_an_address_in_a_variable_is_named_and_not_read_out(tmp_path: Folder, call: str) -> None:
    found = read(tmp_path, f"DATABASES = {{'default': {call}}}", DATABASE_URL="postgres://u:geheim@h/d")

    assert found.databases["default"].url_variable == "DATABASE_URL"
    assert found.databases["default"].engine == "postgresql"
    assert "geheim" not in repr(found)


def test_settings_in_several_files_are_followed(tmp_path: Folder) -> None:
    folder = tmp_path / "shop" / "settings"
    folder.mkdir(parents=True)
    (tmp_path / "manage.py").write_text(MANAGE.replace("shop.settings", "shop.settings.prod"))
    (folder / "base.py").write_text(
        "from pathlib import Path\nBASE = Path(__file__).resolve().parent.parent.parent\n"
        "STATIC_ROOT = BASE / 'static'\n"
        "MEDIA_ROOT = BASE / 'dev'\n"
    )
    (folder / "prod.py").write_text("from .base import *\nMEDIA_ROOT = BASE / 'prod'\n")

    found = read_django(tmp_path / "manage.py", {})
    assert (found.static, found.media) == (tmp_path / "static", tmp_path / "prod")


@pytest.mark.parametrize(
    "settings", ["def broken(:", "from .settings import *", "A = " + "(" * 150 + ")" * 150, "\0", "MEDIA_ROOT = [][3]"]
)
def test_settings_that_make_no_sense_are_as_if_they_said_nothing(tmp_path: Folder, settings: str) -> None:
    found = read(tmp_path, settings)

    assert (found.media, dict(found.databases)) == (None, {})


def test_nothing_of_the_project_is_run(tmp_path: Folder) -> None:
    trace = tmp_path / "trace"
    line = f"import pathlib\npathlib.Path({str(trace)!r}).write_text('run')\n"
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text(line)
    read(tmp_path, line + BASE + "MEDIA_ROOT = BASE_DIR / 'media'")

    assert not trace.exists()
