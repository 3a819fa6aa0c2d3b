"""Compose files, read as compose reads them."""

import pathlib
import textwrap
from collections.abc import Mapping

from rebond.stack.discovery.compose import read_compose
from rebond.stack.discovery.compose_files import find_compose_files
from rebond.stack.discovery.compose_model import ComposeStack, Mount

Folder = pathlib.Path


def write(folder: Folder, name: str, text: str) -> Folder:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


def read(folder: Folder, text: str, variables: Mapping[str, str] = {}) -> ComposeStack:
    return read_compose([write(folder, "compose.yml", text)], variables)


def said(stack: ComposeStack) -> list[str]:
    return [each.template.format_map(each.values) for each in stack.remarks]


def test_services_mounts_variables_and_labels_are_read_in_both_of_their_forms(tmp_path: Folder) -> None:
    (tmp_path / "uploads").mkdir()
    stack = read(
        tmp_path,
        """
        services:
          db:
            image: registry.example:5000/library/postgres:15-alpine@sha256:00
            environment: {POSTGRES_DB: "${DB:-shop}", POSTGRES_PASSWORD: geheim, DEBUG: no}
            volumes: [data:/var/lib/postgresql/data/]
          web:
            build: .
            environment: [DB_HOST=db, PASSED_ON, EMPTY=]
            labels: ["rebond.priority=P1", "other"]
            volumes:
              - ./uploads:/app/media:ro
              - {type: volume, source: cache, target: /cache, read_only: true}
              - {type: tmpfs, target: /tmp}
              - /anonymous
        volumes: {data: {}, cache: }
        """,
        {"PASSED_ON": "yes"},
    )

    db, web = stack.services["db"], stack.services["web"]
    assert db.image_name == "postgres"
    assert db.variables["POSTGRES_DB"].reference
    assert (db.text_of("POSTGRES_DB"), db.text_of("DEBUG")) == ("shop", "no")
    assert db.mounts == (Mount(is_volume=True, source="data", target="/var/lib/postgresql/data"),)
    assert web.is_built
    assert {name: each.text for name, each in web.variables.items()} == {
        "DB_HOST": "db",
        "PASSED_ON": "yes",
        "EMPTY": "",
    }
    assert web.labels == {"rebond.priority": "P1", "other": ""}
    assert web.mounts[0] == Mount(
        is_volume=False, source=str(tmp_path / "uploads"), target="/app/media", is_read_only=True
    )
    assert web.mounts[1] == Mount(is_volume=True, source="cache", target="/cache", is_read_only=True)
    assert stack.volumes == ("data", "cache")
    assert said(stack) == []


def test_text_stays_text(tmp_path: Folder) -> None:
    stack = read(
        tmp_path, "services: {a: {image: 12:30, environment: {ON: on, OCTAL: 0755, DATE: 2026-01-01, NUMBER: 1_0}}}"
    )

    values = {name: each.text for name, each in stack.services["a"].variables.items()}
    assert values == {"ON": "on", "OCTAL": "0755", "DATE": "2026-01-01", "NUMBER": "1_0"}
    assert stack.services["a"].image == "12:30"


def test_later_files_win_and_mounts_are_joined_by_their_target(tmp_path: Folder) -> None:
    first = write(
        tmp_path,
        "compose.yml",
        """
        services:
          web:
            image: one
            environment: [A=1, B=1]
            volumes: ["old:/data", "kept:/kept"]
            labels: {rebond.enable: "true"}
          gone: {image: x}
        """,
    )
    second = write(
        tmp_path,
        "compose.override.yml",
        """
        services:
          web:
            image: two
            environment: {B: 2}
            volumes: ["new:/data"]
            labels: !reset null
          gone: {image: !reset }
        """,
    )

    web = read_compose([first, second], {}).services["web"]
    assert web.image == "two"
    assert {name: each.text for name, each in web.variables.items()} == {"A": "1", "B": "2"}
    assert {each.target: each.source for each in web.mounts} == {"/data": "new", "/kept": "kept"}
    assert web.labels == {}


def test_an_override_tag_replaces_a_list(tmp_path: Folder) -> None:
    first = write(tmp_path, "a.yml", "services: {web: {volumes: ['a:/a'], environment: {A: 1}}}")
    second = write(tmp_path, "b.yml", "services: {web: {volumes: !override ['b:/b'], environment: !override {B: 2}}}")

    web = read_compose([first, second], {}).services["web"]
    assert [each.target for each in web.mounts] == ["/b"]
    assert list(web.variables) == ["B"]


def test_a_service_extends_another_one_also_in_another_folder(tmp_path: Folder) -> None:
    write(
        tmp_path,
        "common/base.yml",
        """
        services:
          base: {extends: deepest, environment: {A: base, B: base}, volumes: ["./media:/media"]}
          deepest: {image: postgres:16, environment: {A: deepest, C: deepest}}
        """,
    )
    stack = read(tmp_path, "services: {db: {extends: {file: common/base.yml, service: base}, environment: {B: own}}}")

    db = stack.services["db"]
    assert db.image == "postgres:16"
    assert {name: each.text for name, each in db.variables.items()} == {"A": "base", "B": "own", "C": "deepest"}
    assert db.mounts[0].source == str(tmp_path / "common" / "media")


def test_services_that_extend_one_another_in_a_circle_are_said(tmp_path: Folder) -> None:
    stack = read(tmp_path, "services: {a: {extends: b, image: x}, b: {extends: a}, c: {extends: nobody}}")

    assert set(stack.services) == {"a", "b", "c"}
    assert any("'c'" in each or "c extends nobody" in each for each in said(stack))
    assert any("extends" in each for each in said(stack))


def test_a_service_of_a_profile_is_active_only_with_it(tmp_path: Folder) -> None:
    text = "services: {a: {}, b: {profiles: [tools]}, c: {profiles: ['${WHICH}']}}"

    active = [name for name, each in read(tmp_path, text, {"WHICH": "x"}).services.items() if each.is_active]
    assert active == ["a"]
    asked = read(tmp_path, text, {"COMPOSE_PROFILES": "tools, x", "WHICH": "x"}).services
    assert [name for name, each in asked.items() if each.is_active] == ["a", "b", "c"]
    everything = read(tmp_path, text, {"COMPOSE_PROFILES": "*", "WHICH": "x"}).services
    assert all(each.is_active for each in everything.values())


def test_anchors_and_merge_keys_are_joined(tmp_path: Folder) -> None:
    stack = read(
        tmp_path,
        """
        x-common: &common {image: app, environment: {A: 1}}
        services:
          web: {<<: *common, command: run}
        """,
    )

    assert stack.services["web"].image == "app"


def test_variables_of_files_come_below_those_of_the_service(tmp_path: Folder) -> None:
    (tmp_path / "db.env").write_text("POSTGRES_DB=fromfile\nPOSTGRES_USER=u\n")
    stack = read(tmp_path, "services: {db: {env_file: [{path: db.env}, missing.env], environment: {POSTGRES_DB: own}}}")

    db = stack.services["db"]
    assert (db.text_of("POSTGRES_DB"), db.text_of("POSTGRES_USER")) == ("own", "u")


def test_what_compose_demands_is_said_without_a_value(tmp_path: Folder) -> None:
    stack = read(tmp_path, "services: {a: {image: 'x:${TAG?set TAG}', labels: {b: $MISSING}}}", {"SECRET": "geheim"})

    assert said(stack) == [
        "Compose refuses to start while the variable TAG is not set: set TAG",
        "Compose takes these variables as empty, because they are not set: MISSING.",
    ]


def test_files_that_cannot_be_read_are_said_and_the_rest_is_read(tmp_path: Folder) -> None:
    good = write(tmp_path, "compose.yml", "services: {a: {}}")
    bad = write(tmp_path, "bad.yml", "services: {a: [}")
    odd = write(tmp_path, "odd.yml", "- a list")

    stack = read_compose([good, bad, odd, tmp_path / "missing.yml"], {})
    assert list(stack.services) == ["a"]
    assert [each.split(" cannot")[0] for each in said(stack)] == ["bad.yml", "odd.yml", "missing.yml"]
    assert "line 1" in said(stack)[0]


def test_aliases_that_would_grow_without_end_cost_nothing(tmp_path: Folder) -> None:
    lines = ["x0: &x0 [a,a,a,a,a,a,a,a,a,a]"]
    lines += [f"x{n}: &x{n} [{','.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 12)]
    stack = read(tmp_path, "\n".join([*lines, "services: {a: {image: x, labels: *x11}}"]))

    assert "a" in stack.services


def test_includes_are_read_with_paths_of_their_own(tmp_path: Folder) -> None:
    write(tmp_path, "parts/db.yml", "services: {db: {image: postgres, volumes: ['./data:/x']}}")
    stack = read(tmp_path, "include: [parts/db.yml, {path: [compose.yml]}]\nservices: {web: {image: w}}")

    assert stack.services["db"].mounts[0].source == str(tmp_path / "parts" / "data")
    assert "web" in stack.services


def test_the_usual_files_are_found_in_the_order_of_compose(tmp_path: Folder) -> None:
    for name in ("docker-compose.yml", "compose.yaml", "compose.override.yml", "docker-compose.dev.yml"):
        write(tmp_path, name, "services: {}")

    found = find_compose_files(tmp_path, {})
    assert [each.name for each in found.files] == ["compose.yaml", "compose.override.yml"]
    assert [each.name for each in found.others] == ["docker-compose.dev.yml", "docker-compose.yml"]


def test_the_variable_that_names_files_wins(tmp_path: Folder) -> None:
    write(tmp_path, "compose.yml", "services: {}")

    found = find_compose_files(tmp_path, {"COMPOSE_FILE": "a.yml,sub/b.yml", "COMPOSE_PATH_SEPARATOR": ","})
    assert found.files == (tmp_path / "a.yml", tmp_path / "sub/b.yml")


def test_below_the_file_for_production_is_taken(tmp_path: Folder) -> None:
    for name in ("docker-compose.dev.yml", "docker-compose.prod.yml", "docker-compose.yml"):
        write(tmp_path / "infra" / "docker", name, "services: {}")
    write(tmp_path / "node_modules" / "x", "compose.yml", "services: {}")

    found = find_compose_files(tmp_path, {})
    assert [each.name for each in found.files] == ["docker-compose.prod.yml"]
    assert len(found.others) == 2


def test_tables_further_down_may_have_words_that_mean_something_at_the_top(tmp_path: Folder) -> None:
    write(tmp_path, "a.yml", "services: {web: {image: x, build: {volumes: [a], secrets: b}, volumes: ['v:/v']}}")
    write(tmp_path, "b.yml", "services: {web: {build: {volumes: [c]}, volumes: ['w:/w']}}")

    found = read_compose([tmp_path / "a.yml", tmp_path / "b.yml"], {})
    assert [each.target for each in found.services["web"].mounts] == ["/v", "/w"]
