"""How files go back into containers and volumes: the lines as they stand, with a stand-in for the engine's client."""

import os
import pathlib
import re
import subprocess

import pytest
from tests.unit.runbook.page_of import facts_of, load, markdown_of

CONFIGURATION = """\
version = 1
[stack]
name = "shop"
compose = ["infra/a b.yml"]
[vault]
url = "vault"
[component.media]
kind = "files"
"""
CLIENT = """\
#!/bin/sh
printf '%s\\n' "$*" >> "$SAID"
case "$*" in
  *label=com.docker.compose.volume=media_volume) printf 'shop_media_volume\\n' ;;
  *inspect*\\ shop_media_volume) printf '%s\\n' "$MOUNTPOINT" ;;
  *) exit 1 ;;
esac
"""


def codes_of(folder: pathlib.Path, component: str) -> list[str]:
    (folder / "rebond.toml").write_text(CONFIGURATION + component)
    page = markdown_of(facts_of(load(folder / "rebond.toml")))
    (part,) = re.findall(r"^It lives in a .*$", page, re.MULTILINE)
    return re.findall(r"`([^`]+)`", part)


def test_files_go_into_the_folder_of_a_volume_by_its_name_in_compose(tmp_path: pathlib.Path) -> None:
    first, second, _ = codes_of(tmp_path, 'volume = "media_volume"\npath = "up loads"\n')
    mountpoint, to = tmp_path / "mount point", tmp_path / "to"
    for place in (mountpoint / "up loads", to / "media", tmp_path / "bin"):
        place.mkdir(parents=True)
    (mountpoint / "up loads" / "x").write_text("bad")
    (to / "media" / "x").write_text("good")
    (tmp_path / "bin" / "docker").write_text(CLIENT)
    (tmp_path / "bin" / "docker").chmod(0o755)
    environment = {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "SAID": str(tmp_path / "said"),
        "MOUNTPOINT": str(mountpoint),
        "TO": str(to),
    }
    shown = subprocess.run(["bash", "-c", first], env=environment, capture_output=True, check=True)
    subprocess.run(["bash", "-c", second], env=environment, check=True)

    assert shown.stdout.decode() == f"{mountpoint}\n"
    assert (mountpoint / "up loads" / "x").read_text() == "good"
    assert (mountpoint / "up loads" / "x.~1~").read_text() == "bad"


@pytest.mark.parametrize(
    ("component", "line"),
    [
        (
            'in = "compose:backend"\npath = "/app/my media"\n',
            "docker compose -f 'infra/a b.yml' cp \"$TO/media/.\" 'backend:/app/my media'",
        ),
        (
            'in = "docker:web"\npaths = ["/app/a", "/app/b/*"]\n',
            'docker cp "$TO/media/." web:/app',
        ),
        (
            'in = "kubernetes:deployment/web"\npath = "/app/$x"\n',
            "tar -C \"$TO/media\" -cf - . | kubectl exec -i deployment/web -- tar -C '/app/$x' -xf -",
        ),
    ],
)
def test_files_go_into_a_container_where_their_tree_began(tmp_path: pathlib.Path, component: str, line: str) -> None:
    assert codes_of(tmp_path, component) == [line]
