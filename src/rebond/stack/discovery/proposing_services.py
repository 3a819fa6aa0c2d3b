"""What is proposed for the services and volumes of a compose file, and what their labels ``rebond.*`` say of them."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rebond.config.places import find_nearest
from rebond.stack.discovery.compose_model import ComposeStack, Service
from rebond.stack.discovery.named_databases import find_named_databases
from rebond.stack.discovery.proposal import Lines, ProposedPart
from rebond.stack.discovery.proposing_databases import (
    IsSavable,
    propose_mysql_service,
    propose_postgres_service,
)
from rebond.stack.discovery.proposing_mounts import MountProposals
from rebond.stack.discovery.recognizing import LABEL, LABELLED_KINDS, find_server_beside, holds_data, kind_of
from rebond.stack.discovery.remarks import Remark
from rebond.stack.discovery.written_paths import write_path

KNOWN_LABELS = ("enable", "kind", "name", "path", "priority", "rpo", "rto")
_LONGEST_NAME, _LONGEST_PART = 64, 58  # the second leaves room for a number
_COPIED = ("priority", "rpo", "rto")


class ServiceProposals:
    """Proposals for one compose stack; ``taken`` are the names of components so far, ``variables`` those of files."""

    def __init__(
        self,
        stack: ComposeStack,
        directory: Path,
        taken: set[str],
        is_savable: IsSavable,
        variables: Mapping[str, str],
    ) -> None:
        self._stack = stack
        self._variables = variables
        self._taken = taken
        self._is_savable = is_savable
        self._mounts = MountProposals(stack, directory, self._add_files)
        self.parts: list[ProposedPart] = []
        self.remarks: list[Remark] = []

    def propose(self) -> None:
        """Fill ``parts`` and ``remarks``: databases first, then what is mounted."""
        active = [each for each in self._list_active() if self._is_wanted(each)]
        passing = [each for each in active if each.labels.get(f"{LABEL}kind") == "ephemeral"]
        for service in active:
            self._judge_labels(service)
            self._propose_service(service)
        if sleeping := [each.name for each in self._stack.services.values() if not each.is_active]:
            self.remarks.append(
                Remark(
                    template="Not looked at, because their profiles are not active: {names}.",
                    values={"names": ", ".join(sleeping)},
                )
            )
        if not self._stack.services:
            self.remarks.append(
                Remark(
                    template="{files} names no service that could be read (they stand below services:), so nothing of "
                    "what it starts is saved.",
                    values={"files": ", ".join(each.name for each in self._stack.files)},
                )
            )
        self._mounts.propose([each for each in active if each not in passing])
        self.remarks += self._mounts.remarks

    def _is_wanted(self, service: Service) -> bool:
        if service.labels.get(f"{LABEL}enable", "true").lower() not in {"false", "no", "0", "off"}:
            return True
        self._mounts.disown(service.mounts)
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
        kind = service.labels.get(f"{LABEL}kind")
        if kind and kind not in LABELLED_KINDS:
            self._refuse_label(service, f"{LABEL}kind")
        if kind == "files" and not service.labels.get(f"{LABEL}path", "").strip(" ,"):
            self.remarks.append(
                Remark(
                    template="The label rebond.kind of {service} says files, and no label rebond.path says which.",
                    values={"service": service.name},
                )
            )

    def _propose_service(self, service: Service) -> None:
        kind = kind_of(service, self._stack)
        extra = self._read_extra(service)
        if kind in {"postgres", "mysql"}:
            name = self._name(service.labels.get(f"{LABEL}name") or "database", service.name)
            self.parts.append(self._propose_database(service, kind, name, {"priority": "P0", **extra}))
            self._pass_over_data(service, kind)
        elif kind in {"redis", "ephemeral"}:
            self._propose_passing(service, kind, extra)
        elif kind == "files":
            for path in re.split(r"\s*,\s*", service.labels.get(f"{LABEL}path", "").strip()):
                if path:
                    name = service.labels.get(f"{LABEL}name") or Path(path).name
                    self._add_files(
                        {"in": f"compose:{service.name}", "path": write_path(path), **extra}, name, service.name
                    )

    def _propose_database(self, service: Service, kind: str, name: str, extra: Lines) -> ProposedPart:
        if kind == "mysql":
            part = propose_mysql_service(service, name, extra, self._is_savable)
        else:
            is_only = [kind_of(each, self._stack) for each in self._list_active()].count("postgres") == 1
            named = find_named_databases(service, self._stack, self._variables, is_only_server=is_only)
            part = propose_postgres_service(service, name, extra, self._is_savable, named)
        helpers = [each.name for each in self._list_active() if find_server_beside(each, self._stack) is service]
        if not helpers:
            return part
        remark = Remark(
            template="Other services mount its data too, and are taken for helpers of it: {names}.",
            values={"names": ", ".join(helpers)},
        )
        return replace(part, remarks=(*part.remarks, remark))

    def _list_active(self) -> list[Service]:
        return [each for each in self._stack.services.values() if each.is_active]

    def _pass_over_data(self, service: Service, kind: str) -> None:
        self._mounts.pass_over([each for each in service.mounts if holds_data(service, each, kind)])

    def _read_extra(self, service: Service) -> Lines:
        """Return what labels say of a component; what no configuration could say is remarked on and left out."""
        extra = {}
        for key in _COPIED:
            said = service.labels.get(f"{LABEL}{key}")
            if said and self._is_savable("files", {"kind": "files", "path": ".", key: said}):
                extra[key] = said
            elif said:
                self._refuse_label(service, f"{LABEL}{key}")
        return extra

    def _refuse_label(self, service: Service, label: str) -> None:
        self.remarks.append(
            Remark(
                template="What the label {label} of {service} says cannot be meant, and is left out: {text}",
                values={"label": label, "service": service.name, "text": service.labels[label]},
            )
        )

    def _propose_passing(self, service: Service, kind: str, extra: Lines) -> None:
        name = self._name(service.labels.get(f"{LABEL}name") or service.name, service.name)
        is_asked = service.labels.get(f"{LABEL}kind") == "redis"
        if kind == "ephemeral":
            self._mounts.disown(service.mounts)
        else:
            self._pass_over_data(service, kind)
        lines: Lines = (
            {"kind": "redis", "in": f"compose:{service.name}", **extra} if is_asked else {"kind": "ephemeral"}
        )
        remark = Remark(
            template='{service} holds what may be lost. If not: kind = "redis" and in = "compose:{service}".',
            values={"service": service.name},
        )
        self._add(name, lines, () if is_asked else (remark,))

    def _add_files(self, lines: Lines, name: str, fallback: str, *remarks: Remark, is_active: bool = True) -> None:
        self._add(self._name(name, fallback), {"kind": "files", **lines}, remarks, is_active=is_active)

    def _add(self, name: str, lines: Lines, remarks: tuple[Remark, ...], *, is_active: bool = True) -> None:
        is_savable = self._is_savable(name, lines)
        later = () if is_savable else (CANNOT_YET,)
        self.parts.append(
            ProposedPart(
                heading=f"component.{name}",
                lines=lines,
                remarks=(*remarks, *later),
                is_active=is_savable and is_active,
            )
        )

    def _name(self, wanted: str, fallback: str) -> str:
        return choose_name(wanted, fallback, self._taken)


CANNOT_YET = Remark(template="This version of Rebond cannot save this yet; it is not saved.")


def choose_name(wanted: str, fallback: str, taken: set[str]) -> str:
    """Return a name that no other component has, of signs that need no quotes in a configuration."""
    names = [each for each in (_plain(wanted), _plain(fallback)) if each] or ["component"]
    numbered = (f"{names[0]}-{number}" for number in range(2, 1000))
    name = next(each for each in (*names, "-".join(names)[:_LONGEST_NAME], *numbered) if each not in taken)
    taken.add(name)
    return name


def _plain(name: str) -> str:
    """Return a name without accents, and with a dash for each sign that a name of TOML has only in quotes."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_-]+", "-", letters).strip("-_")[:_LONGEST_PART]
