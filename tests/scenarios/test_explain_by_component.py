"""``explain`` of what is saved in another way than by a walk: secrets, SQLite, files in containers."""

import pathlib

import pytest
from tests.scenarios.kept_stack import KeptStack, make_database, make_media

Folder = pathlib.Path
COMPONENTS = """
[component.files]
kind = "files"
path = "."
omit = ["/app.db", "/.env", "/apart", "/vault", "/bin", "/answers", "/state", "/cache"]

[component.orders]
kind = "sqlite"
paths = ["app.db", "data/*.db"]

[component.keys]
kind = "secrets"
paths = [".env", "keys"]
vault = "secrets"

[component.media]
kind = "files"
in = "compose:web"
path = "ROOT/media"
exclude = ["*.log"]
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> KeptStack:
    stack = KeptStack(tmp_path_factory.mktemp("stack"))
    stack.write(COMPONENTS)
    make_database(stack.folder / "app.db")
    make_database(stack.folder / "data" / "x.db")
    make_media(stack.folder / "media")
    (stack.folder / "keys").mkdir()
    (stack.folder / "keys" / "id").write_text("k")
    stack.good_backup()
    stack.program.environment |= {"REBOND_CONFIG": str(stack.folder / "rebond.toml")}
    return stack


@pytest.mark.parametrize(
    ("path", "component"),
    [
        ("app.db", "orders"),
        ("app.db-wal", "orders"),
        ("data/x.db", "orders"),
        (".env", "keys"),
        ("keys/id", "keys"),
        ("compose:web:ROOT/media/a.bin", "media"),
        ("ROOT/media/sub/deep", "media"),
    ],
)
def test_the_component_that_saves_a_path_is_named_with_the_snapshots(
    stack: KeptStack, path: str, component: str
) -> None:
    path = path.replace("ROOT", str(stack.folder))
    path = path if path.startswith(("/", "compose:")) else str(stack.folder / path)
    document = stack.program.ask("explain", path)
    assert (document["saved"], document["component"]) == (True, component)
    assert len(document["snapshots"]) == 1
    assert f"saved by the component {component}" in stack.program.good("explain", path).out


def test_what_a_component_leaves_out_or_nobody_claims_is_told_by_the_rule(stack: KeptStack) -> None:
    left_out = stack.program.ask("explain", f"compose:web:{stack.folder}/media/sub/deep/x.log")
    assert (left_out["saved"], left_out["rule"]["text"]) == (False, "*.log")
    assert left_out["rule"]["origin"] == "component.media.exclude"
    walked = stack.program.ask("explain", stack.folder / "compose.txt")
    assert "component" not in walked
