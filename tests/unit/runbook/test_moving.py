"""How files go back into containers and volumes: the lines as they stand, with a stand-in for the engine's client."""

import os
import pathlib
import re
import subprocess
from typing import Any

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
  "volume ls -q --filter label=com.docker.compose.volume=media") printf '%b' "$LISTED" ;;
  *inspect*"{{.Name}} {{.Mountpoint}} $KNOWN") printf '%s %s\\n' "$KNOWN" "$MOUNTPOINT" ;;
  *inspect*"{{.Mountpoint}} $KNOWN") printf '%s\\n' "$MOUNTPOINT" ;;
  cp*|compose*cp*) while [ $# -gt 2 ]; do shift; done; exec cp -a "$1" "$INSIDE${2#*:}" ;;
  exec*) while [ "$1" != -C ]; do shift; done; exec tar -C "$INSIDE$2" -xf - ;;
  *inspect*) echo "no such volume" >&2; exit 1 ;;
  *) exit 7 ;;
esac
"""
WRITING = ("cp", "mkdir", "mv")  # whoever calls one of these writes


class Typist:
    """A new machine, on which the lines of a page are typed; engines and pods are stand-ins for folders of it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.volume, self.inside, self.to = folder / "mount point", folder / "inside", folder / "to"
        for each in (self.volume, self.inside, self.to / "media", folder / "bin"):
            each.mkdir(parents=True)
        for name in ("docker", "podman", "kubectl"):
            (folder / "bin" / name).write_text(CLIENT)
            (folder / "bin" / name).chmod(0o755)
        self.environment = {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "SAID": str(folder / "said"),
            "LISTED": "shop_media\\n",
            "KNOWN": "shop_media",
            "MOUNTPOINT": str(self.volume),
            "INSIDE": str(self.inside),
            "TO": str(self.to),
        }

    def save(self, *paths: str) -> None:
        """Lay down what came back beside."""
        for each in paths:
            (self.to / "media" / each).parent.mkdir(parents=True, exist_ok=True)
            (self.to / "media" / each).write_text("good")

    def write_down(self) -> None:
        """Put stand-ins before the programs that write: they only say that they were called."""
        for each in WRITING:
            (self.folder / "bin" / each).write_text(f'#!/bin/sh\necho wrote {each} "$@" >> "$SAID"\n')
            (self.folder / "bin" / each).chmod(0o755)

    def type(self, *lines: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", "\n".join(lines)],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text()


def page_of(folder: pathlib.Path, component: str, **changes: Any) -> str:
    (folder / "rebond.toml").write_text(CONFIGURATION + component)
    return markdown_of(facts_of(load(folder / "rebond.toml"), **changes))


def line_into_container(folder: pathlib.Path, component: str) -> str:
    (part,) = re.findall(r"^It lives in a container.*$", page_of(folder, component), re.MULTILINE)
    (line,) = re.findall(r"`([^`]+)`", part)
    return str(line)


def lines_into_volume(folder: pathlib.Path, component: str, **changes: Any) -> list[str]:
    page = page_of(folder, f'volume = "media"\n{component}\n', **changes)
    (block,) = re.findall(r"```bash\n(volume=.*\n.*\n)```", page)
    return str(block).splitlines()


def files_of(folder: pathlib.Path) -> dict[str, str]:
    return {str(each.relative_to(folder)): each.read_text() for each in folder.rglob("*") if each.is_file()}


@pytest.mark.parametrize(
    ("component", "saved", "there"),
    [
        ("", ["a/x"], ["a/x"]),
        ('path = "."', ["a/x"], ["a/x"]),
        ('path = "/up loads"', ["x"], ["up loads/x"]),
        ('path = "deep/er/one"', ["x", "one"], ["deep/er/one/x", "deep/er/one/one"]),
        ('path = "deep/x y.txt"', ["x y.txt"], ["deep/x y.txt"]),
        ('path = "sub/*.txt"', ["sub/x.txt"], ["sub/x.txt"]),
        ('paths = ["sub/a", "sub/.b"]', ["sub/a/x", "sub/.b"], ["sub/a/x", "sub/.b"]),
    ],
)
@pytest.mark.parametrize("is_bare", [False, True])
def test_files_go_back_to_where_they_were_in_a_volume(
    tmp_path: pathlib.Path, component: str, saved: list[str], there: list[str], is_bare: bool
) -> None:
    typist = Typist(tmp_path)
    typist.save(*saved)
    for each in [] if is_bare else there:
        (typist.volume / each).parent.mkdir(parents=True, exist_ok=True)
        (typist.volume / each).write_text("bad")
    first, second = lines_into_volume(tmp_path, component)
    done = typist.type(first, second)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"shop_media {typist.volume}"
    kept = {} if is_bare else {f"{each}.~1~": "bad" for each in there}
    assert files_of(typist.volume) == dict.fromkeys(there, "good") | kept


@pytest.mark.parametrize(
    ("listed", "known", "mountpoint", "said"),
    [
        ("", "other", "/", "no such volume"),  # made by hand, removed, or of compose elsewhere
        ("shop_media\\nold_media\\n", "shop_media", "/", "no such volume"),
        ("shop_media\\n", "shop_media", "", "place"),  # a driver that has no folder here
        ("shop_media\\n", "shop_media", "/no/such/folder", "/no/such/folder"),
        ("shop_media\\n", "shop_media", "/etc/passwd", "/etc/passwd"),
    ],
)
@pytest.mark.parametrize("component", ["", 'path = "etc"', 'path = "deep/etc"', 'paths = ["etc/a", "b"]'])
def test_nothing_is_written_where_no_folder_of_one_volume_is_found(
    tmp_path: pathlib.Path, component: str, listed: str, known: str, mountpoint: str, said: str
) -> None:
    typist = Typist(tmp_path)
    typist.save("etc/a", "b")
    typist.write_down()
    typist.environment |= {"LISTED": listed, "KNOWN": known, "MOUNTPOINT": mountpoint}
    done = typist.type(*lines_into_volume(tmp_path, component))

    assert done.returncode != 0
    assert said in done.stderr
    assert "wrote" not in typist.said


def test_the_second_line_alone_writes_nothing(tmp_path: pathlib.Path) -> None:
    typist = Typist(tmp_path)
    typist.write_down()
    typist.environment |= {"KNOWN": "", "MOUNTPOINT": ""}  # an engine that answers nothing to no name
    done = typist.type(lines_into_volume(tmp_path, 'path = "etc"')[1])

    assert done.returncode != 0
    assert "wrote" not in typist.said


def test_a_volume_without_a_label_is_found_by_its_plain_name(tmp_path: pathlib.Path) -> None:
    typist = Typist(tmp_path)
    typist.save("x")
    typist.environment |= {"LISTED": "", "KNOWN": "media"}
    done = typist.type(*lines_into_volume(tmp_path, ""))

    assert done.returncode == 0, done.stderr
    assert files_of(typist.volume) == {"x": "good"}


def test_of_several_volumes_the_one_that_is_named_between_the_lines_is_taken(tmp_path: pathlib.Path) -> None:
    typist = Typist(tmp_path)
    typist.save("x")
    typist.environment["LISTED"] = "old_media\\nshop_media\\n"
    first, second = lines_into_volume(tmp_path, "")
    done = typist.type(first, "volume=shop_media", second)

    assert done.returncode == 0, done.stderr
    assert files_of(typist.volume) == {"x": "good"}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_where_podman_alone_is_it_is_asked(tmp_path: pathlib.Path, language: str) -> None:
    typist = Typist(tmp_path)
    typist.save("x")
    (tmp_path / "bin" / "docker").unlink()
    lines = lines_into_volume(tmp_path, "", engine="podman", language=language)
    done = typist.type(*lines)

    assert done.returncode == 0, done.stderr
    assert "docker volume" not in "".join(lines)
    assert files_of(typist.volume) == {"x": "good"}


@pytest.mark.parametrize("place", ["compose:backend", "docker:web", "podman:web", "kubernetes:deployment/web"])
@pytest.mark.parametrize(
    ("paths", "saved", "there"),
    [
        ('path = "/app/my $x"', ["x", "my $x"], ["app/my $x/x", "app/my $x/my $x"]),
        ('path = "/app/a b.conf"', ["a b.conf"], ["app/a b.conf"]),
        ('paths = ["/app/a", "/app/b/*"]', ["a/x", "b/y"], ["app/a/x", "app/b/y"]),
        ('path = "/app/*.txt"', ["x.txt"], ["app/x.txt"]),
        ('paths = ["/app/a", "/b"]', ["app/a", "b"], ["app/a", "b"]),
    ],
)
def test_files_go_into_a_container_where_they_were(
    tmp_path: pathlib.Path, place: str, paths: str, saved: list[str], there: list[str]
) -> None:
    typist = Typist(tmp_path)
    typist.save(*saved)
    for each in there:
        (typist.inside / each).parent.mkdir(parents=True, exist_ok=True)
        (typist.inside / each).write_text("bad")
    done = typist.type(line_into_container(tmp_path, f'in = "{place}"\n{paths}\n'))

    assert (done.returncode, done.stderr) == (0, "")
    assert files_of(typist.inside) == dict.fromkeys(there, "good")


def test_a_container_is_called_with_the_files_of_its_stack(tmp_path: pathlib.Path) -> None:
    line = line_into_container(tmp_path, 'in = "compose:backend"\npaths = ["/app/a", "/app/b/*"]\n')

    assert line == "docker compose -f 'infra/a b.yml' cp \"$TO/media/.\" backend:/app"
