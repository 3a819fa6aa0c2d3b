"""What of this machine is live and kept from the commands of a drill: sockets of servers, ways to another user, files.

A network of their own does not close sockets that have a path, and what becomes another user loses the variables that
lead to what came back. Where commands have mounts of their own, something else lies there for them, and for them alone;
and the stack's own folders, which a path that is written out leads to, are not written to.
"""

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rebond.config.model import Loaded
from rebond.stack.drills.ways_out import OTHER_USERS, USUAL_FOLDERS, list_sockets
from rebond.stack.wanted_paths import want

_LISTENING = 0x10000  # __SO_ACCEPTCON, as /proc/net/unix says it
_TABLE = Path("/proc/net/unix")
_PROGRAM_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
# Who is called how, and what is logged: nothing of the stack answers there, and programs break without.
_LEFT_FOLDERS = (
    *("/run/nscd/", "/var/run/nscd/", "/run/nslcd/", "/var/run/nslcd/", "/var/lib/sss/", "/run/samba/winbindd/"),
    *("/var/lib/samba/winbindd_privileged/", "/run/systemd/userdb/", "/run/systemd/resolve/", "/run/systemd/journal/"),
)
# Nothing leads there (DOCKER_HOST): whoever names it all the same means it, to take the files of an image.
_LEFT_NAMES = ("docker.sock", "podman.sock")


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePlaces:
    """``sockets`` of servers that are live, ``programs`` that become another user; and what is only to be read.

    All by their paths.
    """

    sockets: tuple[str, ...]
    programs: tuple[str, ...]
    read_only: tuple[str, ...] = ()

    def to_words(self) -> list[str]:
        """Return the arguments by which ``own_network`` keeps them from a command."""
        found = {"guard": self.read_only, "hide": self.sockets, "deny": self.programs}
        return [f"{word}={each}" for word, paths in found.items() for each in paths]


def find_live_places(loaded: Loaded | None, own_folder: str, environment: Mapping[str, str]) -> LivePlaces:
    """Return what is live now, but for what belongs to the drill itself, below ``own_folder``."""
    folders = [*list_sockets(loaded), *USUAL_FOLDERS]
    found = {each for each in (*_list_listening(), *_list_lying(folders)) if not each.startswith(f"{own_folder}/")}
    left = {each for each in found if each.startswith(_LEFT_FOLDERS) or os.path.basename(each) in _LEFT_NAMES}
    return LivePlaces(
        sockets=tuple(sorted(found - left)),
        programs=tuple(sorted(_list_programs(environment))),
        read_only=_list_folders(loaded) if loaded else (),
    )


def _list_listening() -> Iterator[str]:
    """Yield the sockets with a path at which somebody on this machine listens."""
    try:
        lines = _TABLE.read_text(encoding="utf-8", errors="surrogateescape").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and int(fields[3], 16) & _LISTENING and os.path.isabs(fields[7]):
            yield from _keep_socket(fields[7])


def _list_lying(folders: list[str]) -> Iterator[str]:
    """Yield the sockets in these folders: a server in a container listens where the table does not say it."""
    for folder in folders:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for each in entries:
                yield from _keep_socket(each.path)


def _keep_socket(path: str) -> Iterator[str]:
    with contextlib.suppress(OSError):
        if stat.S_ISSOCK(os.stat(path).st_mode):
            yield os.path.realpath(path)


def _list_folders(loaded: Loaded) -> tuple[str, ...]:
    """Return where the stack itself lies, its components, and the vaults of this machine, as far as they are there."""
    configuration = loaded.configuration
    found = {str(loaded.root)}
    for component in configuration.component.values():
        if component.inside is None and component.volume is None:
            named = [getattr(component, each, None) for each in ("path", "data_directory")]
            paths = [*(each for each in named if each), *getattr(component, "paths", ())]
            found |= {os.fsdecode(want(os.fsencode(loaded.root), os.fsencode(each)).fixed) for each in paths}
    for vault in (configuration.vault, *configuration.vaults.values(), *configuration.replica):
        if vault is not None and isinstance(vault.url, str) and "://" not in vault.url:
            found.add(os.path.normpath(loaded.root / os.path.expanduser(vault.url)))
    there = {os.path.realpath(each) for each in found if os.path.exists(each)}
    # Whoever has the whole system for a root has other places in it, which programs write to.
    return tuple(sorted(there - {"/"}))


def _list_programs(environment: Mapping[str, str]) -> set[str]:
    """Return where the programs lie that become another user; one that is many programs (busybox) is left alone."""
    found = set()
    for folder in (*environment.get("PATH", os.defpath).split(os.pathsep), *_PROGRAM_FOLDERS):
        for name in OTHER_USERS:
            path = os.path.realpath(os.path.join(folder or ".", name))
            own = os.path.basename(path)
            if (own == name or own.startswith((f"{name}.", f"{name}-"))) and os.path.isfile(path):
                found.add(path)
    return found
