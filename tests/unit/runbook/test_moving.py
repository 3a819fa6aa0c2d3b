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
  *" sh -c "*) while [ "$1" != sh ]; do shift; done; script=$3; file=$INSIDE$5; shift 5
    exec sh -c "$script" sh "$file" "$@" ;;
  cp*|compose*cp*) while [ $# -gt 2 ]; do shift; done; exec cp -a "$1" "$INSIDE${2#*:}" ;;
  exec*) while [ "$1" != -C ]; do shift; done; exec tar -C "$INSIDE$2" -xf - ;;
  *inspect*) echo "no such volume" >&2; exit 1 ;;
  *) exit 7 ;;
esac
"""
WRITING = ("cp", "mkdir", "mv", "tar")  # whoever calls one of these writes


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

    assert line == "docker compose -f 'infra/a b.yml' cp \"${TO:?}/media/.\" backend:/app"


PLACES = ["compose:backend", "docker:web", "podman:web", "kubernetes:deployment/web", "kubernetes:deployment/web/app"]
KINDS = {"sqlite": 'kind = "sqlite"', "secrets": 'kind = "secrets"'}


def lines_of(folder: pathlib.Path, kind: str, component: str, **changes: Any) -> list[str]:
    """Return the lines that lay secrets or databases down in a container or a volume."""
    (folder / "rebond.toml").write_text(
        CONFIGURATION.replace('kind = "files"', f'kind = "{kind}"') + component, encoding="utf-8"
    )
    page = markdown_of(facts_of(load(folder / "rebond.toml"), **changes))
    (block,) = re.findall(r"```bash\n((?:volume=.*\n)?.*\bfind \"\$\{TO.*\n)```", page)
    return str(block).splitlines()


@pytest.mark.parametrize("place", [*PLACES, "volume"])
@pytest.mark.parametrize("kind", ["sqlite", "secrets"])
@pytest.mark.parametrize(
    ("paths", "saved", "there"),
    [
        ('path = "/app/my $x/a b.db"', ["a b.db"], ["app/my $x/a b.db"]),
        ('paths = ["/app/a", "/app/b/c"]', ["a", "b/c"], ["app/a", "app/b/c"]),
        ('path = "/app/*.db"', ["x.db"], ["app/x.db"]),
        ('paths = ["/a", "/b/c"]', ["a", "b/c"], ["a", "b/c"]),
    ],
)
@pytest.mark.parametrize("is_bare", [False, True])
def test_secrets_and_databases_go_into_a_container_or_a_volume_one_by_one(
    tmp_path: pathlib.Path, place: str, kind: str, paths: str, saved: list[str], there: list[str], is_bare: bool
) -> None:
    typist = Typist(tmp_path)
    is_volume = place == "volume"
    is_single_database = kind == "sqlite" and paths.startswith('path = "/app/my')
    typist.save(*(there if is_volume and not is_single_database else saved))
    top = typist.volume if is_volume else typist.inside
    endings = ("", "-wal", "-shm", "-journal") if kind == "sqlite" else ("",)
    for each in [] if is_bare else there:
        (top / each).parent.mkdir(parents=True, exist_ok=True)
        for ending in endings:
            (top / f"{each}{ending}").write_text("bad")
        (top / each).chmod(0o640)
    where = 'volume = "media"' if is_volume else f'in = "{place}"'
    done = typist.type(*lines_of(tmp_path, kind, f"{where}\n{paths}\n"))

    assert (done.returncode, done.stderr) == (0, "")
    found = files_of(top)
    assert {path: text for path, text in found.items() if ".before-" not in path} == dict.fromkeys(there, "good")
    kept = sorted(path.partition(".before-")[0] for path in found if ".before-" in path)
    assert kept == sorted([] if is_bare else [f"{each}{ending}" for each in there for ending in endings])
    assert {(top / each).stat().st_mode & 0o777 for each in there} <= ({0o640} if not is_bare else {0o600, 0o644})


@pytest.mark.parametrize("kind", ["sqlite", "secrets"])
def test_a_transfer_into_a_container_that_breaks_off_is_told(tmp_path: pathlib.Path, kind: str) -> None:
    typist = Typist(tmp_path)
    typist.save("a.db")
    (typist.inside / "a.db").write_text("bad")
    (tmp_path / "bin" / "cat").write_text("#!/bin/sh\nexec head -c 2\n")
    (tmp_path / "bin" / "cat").chmod(0o755)
    done = typist.type(*lines_of(tmp_path, kind, 'in = "docker:web"\npath = "/a.db"\n'))

    assert done.returncode != 0
    kept = [text for path, text in files_of(typist.inside).items() if ".before-" in path or path == "a.db"]
    assert "bad" in kept
    if kind == "sqlite":
        assert (typist.inside / "a.db").read_text() == "bad", "half of a database takes no place"


def test_secrets_of_several_sorts_lie_below_the_name_of_theirs(tmp_path: pathlib.Path) -> None:
    more = 'in = "docker:web"\npath = "/run/key"\n[component.media.kubernetes]\nnames = ["a"]\n'

    assert all('"${TO:?}/media/files"' in each for each in lines_of(tmp_path, "secrets", more))


def test_a_pod_is_reached_in_the_cluster_of_the_stack(tmp_path: pathlib.Path) -> None:
    (tmp_path / "rebond.toml").write_text(
        CONFIGURATION.replace("[vault]", '[stack.kubernetes]\ncontext = "far away"\nnamespace = "shop"\n[vault]')
        + 'in = "kubernetes:deployment/web/app"\npath = "/app"\n'
    )
    page = markdown_of(facts_of(load(tmp_path / "rebond.toml")))

    assert "| kubectl --context 'far away' --namespace shop exec -i deployment/web -c app -- tar -C" in page


@pytest.mark.parametrize("kind", ["files", "secrets", "sqlite"])
def test_where_podman_alone_is_it_calls_compose(tmp_path: pathlib.Path, kind: str) -> None:
    (tmp_path / "rebond.toml").write_text(
        CONFIGURATION.replace('"files"', f'"{kind}"') + 'in = "compose:db"\npath = "/a"\n'
    )
    page = markdown_of(facts_of(load(tmp_path / "rebond.toml"), engine="podman"))

    assert "podman compose -f " in page
    assert "docker compose" not in page.partition("## ")[2].replace("`docker compose: command not found`", "")


WITH_EVERYTHING = """\
[component.one]
kind = "files"
path = "one"
[component.several]
kind = "files"
paths = ["a", "b/*"]
[component.keys]
kind = "secrets"
path = ".env"
[component.base]
kind = "sqlite"
path = "data/x.db"
[component.bases]
kind = "sqlite"
path = "data/*.db"
[component.inside]
kind = "files"
in = "docker:web"
path = "/app"
[component.pod]
kind = "files"
in = "kubernetes:pod/web"
path = "/app"
[component.keys-inside]
kind = "secrets"
in = "docker:web"
path = "/app/key"
[component.base-inside]
kind = "sqlite"
volume = "media"
path = "x.db"
[component.database]
kind = "postgres"
database = "shop"
[component.mysql]
kind = "mysql"
database = "shop"
[component.cluster]
kind = "secrets"
kubernetes = { names = ["a"] }
"""


@pytest.mark.parametrize("options", [["-c"], ["--norc", "-i", "-c"]], ids=["script", "typed"])
def test_a_line_of_what_came_back_does_nothing_where_nobody_said_where_that_is(
    tmp_path: pathlib.Path, options: list[str]
) -> None:
    (tmp_path / "rebond.toml").write_text(CONFIGURATION.replace('[component.media]\nkind = "files"\n', WITH_EVERYTHING))
    page = markdown_of(facts_of(load(tmp_path / "rebond.toml")))
    typed = re.findall(r"^```bash\n(.*?)```", page, re.MULTILINE | re.DOTALL)
    lines = [each for block in typed for each in block.splitlines()] + re.findall(r"`([^`\n]*TO[:/}\"][^`\n]*)`", page)
    lines = [each for each in lines if re.search(r"\$\{?TO", each) and "rebond re" not in each]
    typist = Typist(tmp_path)
    typist.write_down()
    for each in ("docker", "kubectl", "psql", "mysql", "pg_ctl", "vault"):
        (tmp_path / "bin" / each).write_text(
            f'#!/bin/sh\n[ ! -t 0 ] && cat > /dev/null; echo wrote {each} >> "$SAID"; echo "$MOUNTPOINT"\n'
        )
        (tmp_path / "bin" / each).chmod(0o755)
    typist.environment |= {"volume": "x"}
    del typist.environment["TO"]
    (tmp_path / "said").touch()

    assert len(lines) >= 20
    for each in lines:
        if each.startswith(("ls -lA ", '"')):  # it shows something, or names a file and no program
            continue
        done = subprocess.run(
            ["bash", *options, each],
            env=typist.environment,
            cwd="/",
            input="",
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
        wrote = [line for line in typist.said.splitlines() if line not in {"wrote kubectl", "wrote docker"}]
        assert wrote == [], each
        assert "TO: parameter null or not set" in done.stderr, each
