"""What migrations say, read from their source: odd ones, old ones, several that stand for others, and hostile ones."""

import pathlib
import textwrap

import pytest
from django.db.backends.utils import truncate_name  # type: ignore[import-untyped]

from rebond.stack.django_code.applications import find_migrations, find_table, learn_from_code
from rebond.stack.django_code.field_classes import FieldClasses, Verdict
from rebond.stack.django_code.migrations import Model

HEAD = "from django.db import migrations, models\nclass Migration(migrations.Migration):\n"
FILE = "models.FileField(upload_to='x')"


def write(folder: pathlib.Path, files: dict[str, str]) -> pathlib.Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return folder


def migration(operations: str, **values: str) -> str:
    lines = [f"    {name} = {text}\n" for name, text in values.items()]
    return HEAD + "".join(lines) + f"    operations = [{operations}]\n"


def columns_of(folder: pathlib.Path, applied: dict[str, set[str]]) -> dict[str, Verdict]:
    folders = find_migrations([str(folder)], ())
    return {f"{each.table}.{each.column}": each.verdict for each in learn_from_code(folders, applied).fields}


def test_only_what_ran_counts_and_each_after_what_it_depends_on(tmp_path: pathlib.Path) -> None:
    add = f"migrations.AddField('A', 'one', {FILE})"
    write(
        tmp_path / "shop",
        {
            "__init__.py": "",
            "migrations/0001_b.py": migration(
                "migrations.RenameField('a', 'one', 'two')", dependencies="[('shop', '0009_a')]"
            ),
            "migrations/0005_first.py": migration("migrations.CreateModel('A', [('n', models.CharField())])"),
            "migrations/0009_a.py": migration(add, dependencies="[('shop', '0005_first')]"),
            "migrations/0010_c.py": migration("migrations.RemoveField('A', 'two')"),
        },
    )
    ran = {"shop": {"0001_b", "0005_first", "0009_a"}}
    assert columns_of(tmp_path, ran) == {"shop_a.two": Verdict.FILE}
    assert columns_of(tmp_path, {"shop": {"0005_first", "0009_a"}}) == {"shop_a.one": Verdict.FILE}
    assert columns_of(tmp_path, {"shop": ran["shop"] | {"0010_c"}}) == {}
    assert columns_of(tmp_path, {"other": ran["shop"]}) == {}


def test_one_that_stands_for_others_is_taken_in_their_place_once(tmp_path: pathlib.Path) -> None:
    write(
        tmp_path / "shop",
        {
            "migrations/0001_a.py": migration(f"migrations.CreateModel('A', [('old', {FILE})])"),
            "migrations/0002_b.py": migration("migrations.RenameField('A', 'old', 'new')"),
            "migrations/0001_squashed.py": migration(
                f"migrations.CreateModel('A', [('new', {FILE})])",
                replaces="[('shop', '0001_a'), ('shop', '0002_b')]",
            ),
            "migrations/0003_c.py": migration(
                "migrations.AlterModelTable('a', 'Odd')", dependencies="[('shop', '0002_b')]"
            ),
        },
    )
    for ran in ({"0001_a", "0002_b"}, {"0001_squashed"}, {"0001_squashed", "0001_a", "0002_b"}):
        assert columns_of(tmp_path, {"shop": {*ran, "0003_c"}}) == {"Odd.new": Verdict.FILE}
    assert columns_of(tmp_path, {"shop": {"0001_a"}}) == {"shop_a.old": Verdict.FILE}


@pytest.mark.parametrize(
    "text",
    [
        "this is no python (",
        "",
        "x = " + "(" * 5000,
        "x = " + "-" * 100_000 + "1",
        "\0",
        "class Migration: operations = 5",
        "class Migration:\n    operations = [migrations.CreateModel(), migrations.AddField(*x), foo(), 3]",
        "class Migration:\n    operations = [migrations.CreateModel(**all)]\n    dependencies = ['shop', ('a',), 7]",
        "class Migration:\n    dependencies = [('shop', 'odd')]\n    operations = [migrations.RenameModel('x')]",
    ],
)
def test_what_is_no_migration_says_nothing_and_is_not_run(tmp_path: pathlib.Path, text: str) -> None:
    write(
        tmp_path / "shop",
        {
            "migrations/odd.py": text + "\nimport os; os._exit(7)\n",
            "migrations/0001_a.py": migration(f"migrations.CreateModel('A', [('it', {FILE})])"),
        },
    )
    assert columns_of(tmp_path, {"shop": {"0001_a", "odd"}}) == {"shop_a.it": Verdict.FILE}


def test_a_class_is_followed_through_modules_to_what_it_is_made_of(tmp_path: pathlib.Path) -> None:
    write(
        tmp_path,
        {
            "own/__init__.py": "from .parts.more import Scan as Renamed",
            "own/parts/__init__.py": "",
            "own/parts/more.py": """
                from ..base import Kept, Circle
                class Scan(Kept): pass
                class Loop(Circle): pass
                """,
            "own/base.py": """
                from django.db.models.fields import files
                from django.contrib.gis.db import models as gis
                from .parts.more import Loop
                import elsewhere
                class Kept(elsewhere.Mixin, files.FileField): pass
                class Place(gis.ImageField): pass
                class Circle(Loop): pass
                class SoundsLikeImageField(gis.CharField): pass
                class Unknown(elsewhere.PhotoField): pass
                """,
        },
    )
    classes = FieldClasses([tmp_path])
    judged = {
        "own.Renamed": Verdict.FILE,
        "own.base.Place": Verdict.FILE,
        "own.base.Circle": Verdict.OTHER,
        "own.base.SoundsLikeImageField": Verdict.OTHER,
        "own.base.Unknown": Verdict.LIKELY,
        "somewhere.VersatilePhotoField": Verdict.LIKELY,
        "sorl.thumbnail.ImageField": Verdict.FILE,
        "django.db.models.FilePathField": Verdict.OTHER,
        "..evil": Verdict.OTHER,
    }
    assert {name: classes.judge(name) for name in judged} == judged


def test_names_of_tables_are_those_that_django_makes() -> None:
    long = Model(name="M" * 70)
    assert find_table("shop", Model(name="Photo")) == "shop_photo"
    assert find_table("shop", Model(name="Photo", table='"other"."photos"')) == "photos"
    assert find_table("shop", long) == truncate_name("shop_" + "m" * 70, 63)
    assert len(find_table("shop", long)) == 63


def test_of_two_copies_of_an_application_the_one_that_ran_is_read(tmp_path: pathlib.Path) -> None:
    first = migration(f"migrations.CreateModel('A', [('it', {FILE})])")
    then = migration("migrations.RenameField('A', 'it', 'that')", dependencies="[('shop', '0001_a')]")
    write(tmp_path / "before" / "shop", {"migrations/0001_a.py": first})
    write(tmp_path / "now" / "deeper" / "shop", {"migrations/0001_a.py": first, "migrations/0002_b.py": then})
    write(tmp_path / "node_modules" / "shop", {"migrations/0001_a.py": first, "migrations/0002_b.py": then})
    assert columns_of(tmp_path, {"shop": {"0001_a", "0002_b"}}) == {"shop_a.that": Verdict.FILE}
    assert len(find_migrations([str(tmp_path)], ())) == 2
    assert find_migrations([str(tmp_path)], (str(tmp_path / "now"),)) == [tmp_path / "before" / "shop" / "migrations"]


def test_an_application_without_a_file_is_known_to_have_none(tmp_path: pathlib.Path) -> None:
    plain = migration("migrations.CreateModel('A', [('n', models.CharField()), ('t', models.TextField())])")
    write(tmp_path / "notes", {"migrations/0001_a.py": plain})
    known = learn_from_code(find_migrations([str(tmp_path)], ()), {"notes": {"0001_a"}, "notes_extra": {"0001_x"}})
    assert known.fields == ()
    assert known.covers("notes_a")
    assert not known.covers("notes_extra_upload")
    assert not known.covers("other")
