"""A stand-in for an engine that makes things: volumes and containers that are there from one call to the next.

It behaves as Docker 20.10 with compose 2.32 was seen to: ``up --no-start`` makes the volumes of the project with their
labels and the containers, starts none, and brings what the image has into a volume that it makes; a folder that is
mounted is not made before a start. ``exec`` runs the command here, with the places of mounts as they are called here;
what else lies below ``/srv`` there is the container's own, in ``layers``. With ``ENGINE_OLD`` compose is 1.29, which
does not say what the project is called. It knows no other call.
"""

import json
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

_ENGINE = r"""
import json, os, pathlib, shutil, sys
HERE = pathlib.Path(__file__).parent
KNOWN = json.loads((HERE / "known.json").read_text())
VOLUMES, CONTAINERS, NETWORKS = HERE / "volumes", HERE / "containers", HERE / "networks"

def fail(text, status=1):
    sys.stderr.write(text + "\n")
    sys.exit(status)

def write(text):
    sys.stdout.write(text)
    sys.exit(0)

def describe(name):
    project, _, volume = name.rpartition("_")
    labels = {"com.docker.compose.project": project, "com.docker.compose.volume": volume}
    return {"Name": name, "Mountpoint": str(VOLUMES / name / "_data"), "Labels": labels if project else None}

def make_volume(name, brought=None):
    folder = VOLUMES / name / "_data"
    if not folder.exists():
        folder.mkdir(parents=True)
        for path, content in (brought or {}).items():
            (folder / path).write_text(content)

def make_containers(services):
    for service in services:
        if service not in KNOWN:
            fail("no such service: " + service)
        if says := KNOWN[service].get("fails"):
            fail(says)
        for volume in KNOWN[service].get("volumes", {}):
            make_volume("shop_" + volume, KNOWN[service].get("image", {}).get(volume))
        (CONTAINERS / service).touch()
        (NETWORKS / "shop_default").touch()
        (HERE / "layers" / service).mkdir(parents=True, exist_ok=True)

def mounts_of(service):
    for volume, place in KNOWN[service].get("volumes", {}).items():
        yield {"Type": "volume", "Name": "shop_" + volume, "Source": describe("shop_" + volume)["Mountpoint"],
               "Destination": place}
    for folder, place in KNOWN[service].get("folders", {}).items():
        yield {"Type": "bind", "Source": folder, "Destination": place}

def compose(words):
    file = ""
    while words and words[0].startswith("--"):
        option = words.pop(0)
        file = words.pop(0) if option == "--file" else file
    if words == ["version"]:
        write("Docker Compose version v2.32.4\n")
    if not os.path.exists(file):
        fail("open " + file + ": no such file or directory", 14)
    if words == ["config"]:
        write("services: {}\n" if os.environ.get("ENGINE_OLD") else "name: shop\nservices: {}\n")
    if words[:3] == ["up", "--no-start", "--no-recreate"]:
        make_containers(words[3:] or [*KNOWN])
        sys.exit(0)
    if words[:3] == ["ps", "--all", "--quiet"]:
        write("".join(each + "\n" for each in words[3:] or [*KNOWN] if (CONTAINERS / each).exists()))
    if words[:4] == ["exec", "-T", "--user", "0"]:
        del words[2:4]
    if words[:3] == ["exec", "-T", "web"]:
        command = words[3:]
        for each in mounts_of("web"):  # what the container calls by one name is called by another here
            command = [place_here(word, each) for word in command]
        itself = {"Destination": "/srv", "Source": str(HERE / "layers" / "web")}
        command = [place_here(word, itself) for word in command]
        os.execvp(command[0], command)

def place_here(word, mount):
    inside, _, rest = word.partition(mount["Destination"])
    return mount["Source"] + rest if word.startswith("/") and not inside else word

def docker(words):
    names = sorted(each.name for each in VOLUMES.iterdir())
    if words[:3] == ["volume", "ls", "--quiet"]:
        label = words[4].partition("=")[2] if len(words) > 3 else ""
        fits = [each for each in names if not label or label.endswith("=" + each.rpartition("_")[2])]
        write("".join(each + "\n" for each in fits))
    if words[:2] == ["volume", "inspect"]:
        for each in words[2:]:
            if each not in names:
                sys.stdout.write("[]\n")
                fail("Error: No such volume: " + each)
        write(json.dumps([describe(each) for each in words[2:]]))
    if words[:2] == ["volume", "create"]:
        make_volume(words[2])
        write(words[2] + "\n")
    if words[:1] == ["inspect"]:
        folder = os.environ["ENGINE_PROJECT"]
        labels = {"Labels": {"com.docker.compose.project": "shop", "com.docker.compose.project.working_dir": folder}}
        shown = [{"Id": each, "Name": each, "Config": labels, "Mounts": [*mounts_of(each)]} for each in words[1:]]
        write(json.dumps(shown))
    if words[:2] == ["context", "inspect"]:
        write("unix:///var/run/docker.sock\n")
    if words == ["ps", "--all", "--quiet", "--no-trunc"]:
        write("".join(each.name + "\n" for each in CONTAINERS.iterdir()))
    if words == ["network", "ls", "--quiet", "--no-trunc"]:
        write("".join(each.name + "\n" for each in NETWORKS.iterdir()))
    if words[:2] == ["network", "inspect"]:
        write(json.dumps([{"Name": each, "Labels": describe(each)["Labels"]} for each in words[2:]]))
    if words[:1] == ["ps"]:
        sys.exit(0)
    if words[:2] == ["rm", "--force"]:
        for each in words[2:]:
            (CONTAINERS / each).unlink()
        sys.exit(0)
    if words[:2] == ["network", "rm"]:
        for each in words[2:]:
            (NETWORKS / each).unlink()
        sys.exit(0)
    if words[:2] == ["volume", "rm"]:
        for each in words[2:]:
            shutil.rmtree(VOLUMES / each)
        sys.exit(0)

if log := os.environ.get("ENGINE_LOG"):
    with open(log, "a") as file:
        file.write(" ".join(sys.argv[1:]) + "\n")
if says := os.environ.get("ENGINE_SAYS"):
    fail(says)
compose(sys.argv[2:]) if sys.argv[1] == "compose" else docker(sys.argv[1:])
fail("unknown: " + " ".join(sys.argv[1:]))
"""


class MakingEngine:
    """An engine with its volumes and containers in a folder; ``docker`` is in ``bin`` below it."""

    def __init__(self, folder: pathlib.Path, services: Mapping[str, Any]) -> None:
        """``services`` have ``volumes`` and ``folders`` with the places that they are mounted at.

        ``image`` says what the image has at the place of a volume, ``fails`` what compose says when it cannot be made.
        """
        self.folder = folder
        for name in ("bin", "volumes", "containers", "networks"):
            (folder / name).mkdir(parents=True)
        (folder / "engine.py").write_text(_ENGINE)
        self.know(services)
        (folder / "bin" / "docker").write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {folder}/engine.py "$@"\n')
        (folder / "bin" / "docker").chmod(0o755)

    def know(self, services: Mapping[str, Any]) -> None:
        """Let the compose file be another one."""
        (self.folder / "known.json").write_text(json.dumps(services))

    def volume(self, name: str) -> pathlib.Path:
        """Return the folder of a volume, by the name that the engine has for it."""
        return self.folder / "volumes" / name / "_data"

    def layer(self, service: str) -> pathlib.Path:
        """Return the folder that stands for ``/srv`` of a container, but for what is mounted there."""
        return self.folder / "layers" / service

    def make(self, name: str) -> pathlib.Path:
        """Make a volume that nothing is in."""
        self.volume(name).mkdir(parents=True)
        return self.volume(name)
