"""What is proposed for the services and volumes of a compose file, and what their labels ``rebond.*`` say of them."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from rebond.config.places import find_nearest
from rebond.stack.discovery.compose_model import ComposeStack, Mount, Service
from rebond.stack.discovery.proposal import Lines, ProposedPart
from rebond.stack.discovery.proposing_databases import (
    IsSavable,
    propose_mysql_service,
    propose_postgres_service,
)
from rebond.stack.discovery.remarks import Remark

LABEL = "rebond."
KNOWN_LABELS = ("enable", "kind", "name", "path", "priority", "rpo", "rto")
_COPIED = ("priority", "rpo", "rto")
_POSTGRES = re.compile(r"postgres|postgis|timescale|pgvector")
_MYSQL = re.compile(r"mysql|mariadb|percona")
_PASSING = re.compile(r"redis|valkey|memcached|keydb|varnish")
_STATIC = re.compile(r"static|assets|dist|cache|tmp|log")


class ServiceProposals:
    """Proposals for one compose stack; ``taken`` are the names of components so far."""

    def __init__(self, stack: ComposeStack, taken: set[str], is_savable: IsSavable) -> None:
        self._stack = stack
        self._taken = taken
        self._is_savable = is_savable
        self._seen_volumes: set[str] = set()
        self.parts: list[ProposedPart] = []
        self.remarks: list[Remark] = []

    def propose(self) -> None:
        """Fill ``parts`` and ``remarks``: databases first, then volumes."""
        active = [each for each in self._stack.services.values() if each.is_active and self._is_wanted(each)]
        for service in active:
            self._judge_labels(service)
            self._propose_service(service)
        for service in active:
            for mount in service.mounts:
                self._propose_mount(service, mount)
        if sleeping := [each.name for each in self._stack.services.values() if not each.is_active]:
            self.remarks.append(
                Remark(
                    template="Not looked at, because their profiles are not active: {names}.",
                    values={"names": ", ".join(sleeping)},
                )
            )

    def _is_wanted(self, service: Service) -> bool:
        if service.labels.get(f"{LABEL}enable", "true").lower() not in {"false", "no", "0", "off"}:
            return True
        self._seen_volumes |= {each.source for each in service.mounts if each.is_volume}
        self.remarks.append(
            Remark(template="The label of {service} says not to save it.", values={"service": service.name})
        )
        return False

    def _judge_labels(self, service: Service) -> None:
        for label in service.labels:
            word = label.removeprefix(LABEL)
            if label.startswith(LABEL) and word not in KNOWN_LABELS:
                self.remarks.append(
                    Remark(
                        template="The label {label} of {service} is not known; there is: {nearest}.",
                        values={
                            "label": label,
                            "service": service.name,
                            "nearest": find_nearest(word, KNOWN_LABELS) or ", ".join(KNOWN_LABELS),
                        },
                    )
                )

    def _propose_service(self, service: Service) -> None:
        kind = service.labels.get(f"{LABEL}kind") or _kind_of(service)
        extra = {key: service.labels[f"{LABEL}{key}"] for key in _COPIED if service.labels.get(f"{LABEL}{key}")}
        if kind in {"postgres", "mysql"}:
            propose: Callable[[Service, str, Lines, IsSavable], ProposedPart] = (
                propose_postgres_service if kind == "postgres" else propose_mysql_service
            )
            name = self._name(service.labels.get(f"{LABEL}name") or "database", service.name)
            self.parts.append(propose(service, name, {"priority": "P0", **extra}, self._is_savable))
            self._seen_volumes |= {each.source for each in service.mounts if each.is_volume}
        elif kind in {"redis", "ephemeral"}:
            self._propose_passing(service, extra)
        elif kind == "files":
            for path in re.split(r"\s*,\s*", service.labels.get(f"{LABEL}path", "")):
                if path:
                    self._add_files(service, path, service.labels.get(f"{LABEL}name") or Path(path).name, extra)

    def _propose_passing(self, service: Service, extra: Lines) -> None:
        name = self._name(service.labels.get(f"{LABEL}name") or service.name, service.name)
        self._seen_volumes |= {each.source for each in service.mounts if each.is_volume}
        is_asked = service.labels.get(f"{LABEL}kind") == "redis"
        lines: Lines = (
            {"kind": "redis", "in": f"compose:{service.name}", **extra} if is_asked else {"kind": "ephemeral"}
        )
        remark = Remark(
            template='{service} holds what may be lost. If not: kind = "redis" and in = "compose:{service}".',
            values={"service": service.name},
        )
        self._add(name, lines, () if is_asked else (remark,))

    def _propose_mount(self, service: Service, mount: Mount) -> None:
        if not mount.is_volume or not mount.source or mount.source in self._seen_volumes:
            return
        owner = self._find_owner(service, mount)
        self._seen_volumes.add(mount.source)
        if _STATIC.search(mount.source.lower()):
            self.remarks.append(
                Remark(
                    template="The volume {volume} ({path} in {service}) is not saved: it can be made again.",
                    values={"volume": mount.source, "path": mount.target, "service": owner.name},
                )
            )
            return
        self._add_files(owner, mount.target, re.sub(r"[_-]?(volume|data|vol)$", "", mount.source) or mount.source, {})

    def _find_owner(self, service: Service, mount: Mount) -> Service:
        """Return the service that may write to a volume: it holds the volume where others only read it."""
        for each in self._stack.services.values():
            if each.is_active and any(
                own.is_volume and own.source == mount.source and own.target == mount.target and not own.is_read_only
                for own in each.mounts
            ):
                return each
        return service

    def _add_files(self, service: Service, path: str, name: str, extra: Lines) -> None:
        lines: Lines = {"kind": "files", "in": f"compose:{service.name}", "path": path, **extra}
        self._add(self._name(re.sub(r"[^\w.-]+", "-", name), service.name), lines, ())

    def _add(self, name: str, lines: Lines, remarks: tuple[Remark, ...]) -> None:
        is_savable = self._is_savable(name, lines)
        later = () if is_savable else (CANNOT_YET,)
        self.parts.append(
            ProposedPart(heading=f"component.{name}", lines=lines, remarks=(*remarks, *later), is_active=is_savable)
        )

    def _name(self, wanted: str, fallback: str) -> str:
        return choose_name(wanted, fallback, self._taken)


CANNOT_YET = Remark(template="This version of Rebond cannot save this yet; it is not saved.")


def choose_name(wanted: str, fallback: str, taken: set[str]) -> str:
    """Return a name that no other component has."""
    for name in (wanted, fallback, f"{wanted}-{fallback}"):
        if name and name not in taken:
            taken.add(name)
            return name
    number = next(number for number in range(2, 1000) if f"{wanted}-{number}" not in taken)
    taken.add(f"{wanted}-{number}")
    return f"{wanted}-{number}"


def find_live_directories(stack: ComposeStack, directory: Path) -> Mapping[str, str]:
    """Return the directories below ``directory`` in which a database of compose lives, with the service's name.

    What is copied there while the database runs is no copy of it.
    """
    found = {}
    for service in stack.services.values():
        if _kind_of(service) in {"postgres", "mysql", "redis"}:
            for mount in service.mounts:
                path = Path(mount.source)
                is_below = bool(mount.source) and path != directory and path.is_relative_to(directory)
                if not mount.is_volume and is_below and (os.path.isdir(path) or not os.path.exists(path)):
                    found[str(path.relative_to(directory))] = service.name
    return found


def _kind_of(service: Service) -> str:
    name = service.image_name
    if _POSTGRES.search(name) or any(each.target.startswith("/var/lib/postgresql") for each in service.mounts):
        return "postgres"
    if _MYSQL.search(name) or any(each.target == "/var/lib/mysql" for each in service.mounts):
        return "mysql"
    return "redis" if _PASSING.search(name) else ""
