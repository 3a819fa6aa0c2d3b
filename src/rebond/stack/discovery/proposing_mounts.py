"""What is proposed for the volumes and folders that services of compose mount; what is not saved is said."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from rebond.stack.discovery.compose_model import ComposeStack, Mount, Service
from rebond.stack.discovery.proposal import Lines
from rebond.stack.discovery.recognizing import writes_its_own_store
from rebond.stack.discovery.remarks import Remark
from rebond.stack.discovery.written_paths import write_path

_PASSING = {"static", "staticfiles", "dist", "cache", "caches", "tmp", "temp", "log", "logs"}
_MACHINE_PLACES = {"/", "/etc", "/etc/localtime", "/etc/timezone", "/etc/passwd", "/etc/group", "/etc/hosts", "/tmp"}  # noqa: S108 - named, not used
_MACHINE_TREES = tuple(
    "/dev /proc /run /sys /var/run /boot /lib /usr/bin /usr/lib /usr/share /bin /sbin /var/log /var/lib/docker "
    "/var/lib/containers /tmp/.X11-unix".split()
)
_WITHOUT_CONTENT = ("/dev", "/proc", "/sys", "/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo")


class AddFiles(Protocol):
    """Takes a component of files: its lines, the name that it should have, another one, and what is said of it."""

    def __call__(self, lines: Lines, name: str, fallback: str, *remarks: Remark, is_active: bool = True) -> None:
        """Add it."""


class MountProposals:
    """Proposals for the mounts of one stack in ``directory``. What ``add_files`` gets is saved."""

    def __init__(self, stack: ComposeStack, directory: Path, add_files: AddFiles) -> None:
        self._stack = stack
        self._directory = directory
        self._add_files = add_files
        self._passed: set[tuple[bool, str, str]] = set()
        self._disowned: set[str] = set()
        self._told_stores: list[str] = []
        self._of_machine: list[str] = []
        self._around: list[str] = []
        self.remarks: list[Remark] = []

    def pass_over(self, mounts: Iterable[Mount]) -> None:
        """Leave these to the component of a database."""
        self._passed |= {_key(each) for each in mounts}

    def disown(self, mounts: Iterable[Mount]) -> None:
        """Save none of these for this service, as its label says; another one that mounts it still has it saved."""
        self._disowned |= {each.source for each in mounts if each.is_volume}

    def propose(self, services: Sequence[Service]) -> None:
        """Add a component for each volume, and for each folder outside of the directory; say what is not saved."""
        for service in services:
            for mount in service.mounts:
                if _key(mount) not in self._passed and (mount.is_volume or mount.source):
                    self._passed.add(_key(mount))
                    self._propose_mount(service, mount)
        self._tell_stores()
        self._tell_folders()
        self._tell_volumes_without_service()

    def _propose_mount(self, service: Service, mount: Mount) -> None:
        name = mount.source if mount.is_volume and mount.source else PurePosixPath(mount.target).name
        if not mount.is_volume:
            self._propose_folder(service, mount)
        elif PurePosixPath(mount.target).name == "node_modules":
            return  # kept apart from the folder around it; what it holds comes out of the image
        elif _PASSING & set(re.split(r"[^a-z0-9]+", name.lower())):
            self.remarks.append(
                Remark(
                    template="The volume {volume} ({path} in {service}) is not saved: it can be made again.",
                    values={"volume": name, "path": mount.target, "service": service.name},
                )
            )
        else:
            owner = self._find_owner(service, mount)
            remarks = self._remark_on_store(owner)
            short = re.sub(r"[_-]?(volume|data|vol)$", "", name) or name
            self._add_files(
                {"in": f"compose:{owner.name}", "path": write_path(mount.target)}, short, owner.name, *remarks
            )

    def _propose_folder(self, service: Service, mount: Mount) -> None:
        """Propose what lies on this machine and outside of the directory; what lies in it is saved with it."""
        path = Path(mount.source)
        if path.is_relative_to(self._directory):
            self._remark_on_store(service)
        elif _belongs_to_machine(path):
            self._of_machine.append(mount.source)
        elif self._directory.is_relative_to(path):
            self._around.append(mount.source)
        else:
            remark = Remark(
                template="{path} of this machine, which compose mounts in {service}.",
                values={"path": mount.source, "service": service.name},
            )
            missing = Remark(
                template="Not there yet: {paths}. Take the # away when it is.", values={"paths": str(path)}
            )
            is_there = not _is_missing(path)
            remarks = [remark, *self._remark_on_store(service), *(() if is_there else (missing,))]
            # What holds something now is missed when it is gone: likely its disk is not mounted then.
            lines = {"path": write_path(mount.source), **({} if _holds_something(path) else {"allow_empty": True})}
            self._add_files(lines, path.name, service.name, *remarks, is_active=is_there)

    def _find_owner(self, service: Service, mount: Mount) -> Service:
        """Return the service that may write to a volume: it holds the volume where others only read it."""
        for each in self._stack.services.values():
            if each.is_active and any(
                own.is_volume and own.source == mount.source and own.target == mount.target and not own.is_read_only
                for own in each.mounts
            ):
                return each
        return service

    def _remark_on_store(self, service: Service) -> tuple[Remark, ...]:
        if not writes_its_own_store(service):
            return ()
        if service.name not in self._told_stores:
            self._told_stores.append(service.name)
        return (
            Remark(
                template="{service} writes here while it is copied. A copy that is certain takes its own program: "
                'kind = "command", or hooks that stop it.',
                values={"service": service.name},
            ),
        )

    def _tell_stores(self) -> None:
        if self._told_stores:
            self.remarks.append(
                Remark(
                    template="The files of {names} are copied while they are written, and the copy may not start: "
                    'write a component of kind "command" that dumps them, or hooks that stop them.',
                    values={"names": ", ".join(self._told_stores)},
                )
            )

    def _tell_folders(self) -> None:
        if told := [each for each in dict.fromkeys(self._of_machine) if _has_content(each)]:
            self.remarks.append(
                Remark(
                    template="Mounted by compose, and not saved, because it belongs to the machine: {paths}.",
                    values={"paths": ", ".join(told)},
                )
            )
        if self._around:
            self.remarks.append(
                Remark(
                    template="Mounted by compose, and not saved as a whole, because this directory lies in it: {paths}."
                    " Write a component for what else belongs to the stack.",
                    values={"paths": ", ".join(dict.fromkeys(self._around))},
                )
            )

    def _tell_volumes_without_service(self) -> None:
        seen = self._disowned | {source for is_volume, source, _ in self._passed if is_volume}
        if left := [each for each in self._stack.volumes if each not in seen]:
            self.remarks.append(
                Remark(
                    template="These volumes are not saved, because no service that was looked at mounts them: {names}.",
                    values={"names": ", ".join(left)},
                )
            )


def _key(mount: Mount) -> tuple[bool, str, str]:
    """Return what makes two mounts the same thing: a volume without a name is one for each target."""
    return mount.is_volume, mount.source, "" if mount.source else mount.target


def _belongs_to_machine(path: Path) -> bool:
    return str(path) in _MACHINE_PLACES or any(path.is_relative_to(each) for each in _MACHINE_TREES)


def _has_content(path: str) -> bool:
    return not path.endswith(".sock") and not any(Path(path).is_relative_to(each) for each in _WITHOUT_CONTENT)


def _holds_something(path: Path) -> bool:
    try:
        with os.scandir(path) as entries:
            return any(entries)
    except NotADirectoryError:
        return True
    except OSError:
        return False  # not there yet, or nobody can tell


def _is_missing(path: Path) -> bool:
    try:
        os.stat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False  # nobody can tell: the first backup says what keeps it from being read
    return False
