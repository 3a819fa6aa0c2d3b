"""From what was found to what a configuration should say. Pure: nothing is read or asked here."""

import os
from collections.abc import Iterable
from pathlib import Path

from rebond.errors import UsageError
from rebond.sources.sqlite.companions import COMPANIONS
from rebond.stack.discovery.env_files import may_hold_text
from rebond.stack.discovery.looking import Surveyed
from rebond.stack.discovery.nearby_folders import OF_THE_KERNEL
from rebond.stack.discovery.proposal import Lines, Proposal, ProposedPart
from rebond.stack.discovery.proposing_databases import (
    IsSavable,
    find_sqlite_of_variables,
    propose_database_of_variables,
)
from rebond.stack.discovery.proposing_django import DjangoProposals
from rebond.stack.discovery.proposing_services import CANNOT_YET, ServiceProposals, choose_name
from rebond.stack.discovery.recognizing import find_live_directories
from rebond.stack.discovery.remarks import Remark
from rebond.stack.discovery.unsaved import find_unsaved
from rebond.stack.discovery.written_paths import write_path, write_pattern
from rebond.stack.rhythms import quickest_schedule
from rebond.units import parse_span

MAIN = "files"
_USUAL_DAYS = 30
_DAY_SECONDS = 86_400


def propose(surveyed: Surveyed, *, is_savable: IsSavable, language: str, excluded: tuple[str, ...] = ()) -> Proposal:
    """Return the configuration for what was found.

    ``is_savable`` says whether this version can save a component of those lines; ``excluded`` are paths, relative to
    the directory, that have to stay out, such as a vault that lies inside.
    """
    return _Proposing(surveyed, is_savable, language, excluded).propose()


class _Proposing:
    """One proposal in the making."""

    def __init__(self, surveyed: Surveyed, is_savable: IsSavable, language: str, excluded: tuple[str, ...]) -> None:
        self._found = surveyed
        self._is_savable = is_savable
        self._language = language
        self._taken: set[str] = {MAIN}
        self._remarks: list[Remark] = []
        self._others: list[str] = []  # patterns of what other components save
        self._left_out: list[str] = list(excluded)
        self._main_remarks: list[Remark] = []
        self._parts: list[ProposedPart] = []

    def propose(self) -> Proposal:
        self._add_compose()
        self._add_databases()
        self._add_django()
        self._add_secrets()
        self._add_units()
        self._add_dependencies()
        self._add_git()
        self._add_unsaved()
        self._add_servers()
        components = (self._main_component(), *self._parts)
        return Proposal(
            stack=self._stack(),
            components=components,
            classes=tuple(self._classes(components)),
            remarks=(*self._compose_remarks(), *self._remarks),
            backup_directory=self._found.file_variables.get("BACKUP_DIR", ""),
        )

    def _stack(self) -> ProposedPart:
        found = self._found
        lines: dict[str, object] = {"name": found.name}
        remarks = []
        if found.compose:
            lines["compose"] = self._relative(found.compose.files)
        env_files = self._variable_files()
        if env_files:
            lines["env"] = self._relative(env_files)
        if found.cluster and found.cluster.has_manifests:
            lines["kubernetes"] = {"context": found.cluster.context, "namespace": found.cluster.namespace}
        elif found.cluster:
            remarks.append(
                Remark(
                    template="kubectl would talk to the context {context}, namespace {namespace}; not used here.",
                    values={"context": found.cluster.context, "namespace": found.cluster.namespace},
                )
            )
        if found.timezone:
            lines["timezone"] = found.timezone
        lines["language"] = self._language
        return ProposedPart(heading="stack", lines=lines, remarks=tuple(remarks))

    def _compose_remarks(self) -> tuple[Remark, ...]:
        """Return what could not be read of compose: said aloud, since a service that was not seen is not saved."""
        return tuple(self._found.compose.remarks) if self._found.compose else ()

    def _variable_files(self) -> list[Path]:
        """Return the ``.env`` of the directory and that beside the compose file: what compose itself reads."""
        places = [self._found.directory / ".env"]
        if self._found.compose:
            places.append(self._found.compose.directory / ".env")
        return [each for each in dict.fromkeys(places) if each in self._found.env_files]

    def _main_component(self) -> ProposedPart:
        repository = self._found.repository
        lines: dict[str, object] = {"kind": "files", "path": "."}
        remarks = list(self._main_remarks)
        if repository and repository.remote:
            lines["strategy"] = "smart"
            remarks.append(
                Remark(
                    template="smart leaves out .git, logs and temporary files: {remote} has what is pushed.",
                    values={"remote": repository.remote},
                )
            )
        elif repository:
            remarks.append(Remark(template="Git has no remote here, so .git is saved too."))
        if self._found.directory == Path("/"):  # the folders themselves are needed: something is mounted there
            self._left_out += [f"{each}/*" for each in OF_THE_KERNEL]
            remarks.append(
                Remark(
                    template="What the kernel makes is left out: {paths}.", values={"paths": " ".join(OF_THE_KERNEL)}
                )
            )
        if self._others:
            lines["omit"] = self._others
        if self._left_out:
            lines["exclude"] = self._left_out
        return ProposedPart(heading=f"component.{MAIN}", lines=lines, remarks=tuple(remarks))

    def _add_compose(self) -> None:
        found = self._found
        if not found.compose:
            return
        if found.other_compose:  # services in them, and their volumes, are not saved
            self._remarks.append(
                Remark(
                    template="Other compose files, which are not read, so that nothing of them is saved: {files}. If "
                    "they belong to the stack, name all of them in COMPOSE_FILE before the first rebond init.",
                    values={"files": ", ".join(self._relative(found.other_compose))},
                )
            )
        services = ServiceProposals(found.compose, found.directory, self._taken, self._is_savable, found.file_variables)
        services.propose()
        self._parts += services.parts
        images: Lines = {"kind": "images", "save": "local-only"}
        if self._is_savable("images", images):
            name = choose_name("images", "container-images", self._taken)
            remark = Remark(template="Tags and digests of the images, and those whole that no registry holds.")
            self._parts.append(ProposedPart(heading=f"component.{name}", lines=images, remarks=(remark,)))
        self._remarks += services.remarks
        for path, service in find_live_directories(found.compose, found.directory).items():
            self._left_out.append(write_pattern(path, is_folder=True))
            self._main_remarks.append(
                Remark(
                    template="{path} is left out: {service} writes there, and a copy of it would be worth nothing.",
                    values={"path": path, "service": service},
                )
            )

    def _add_databases(self) -> None:
        if "database" not in self._taken and (part := propose_database_of_variables(self._found, self._is_savable)):
            self._taken.add("database")
            self._parts.append(part)
        settings = [each.path for project in self._found.django for each in project.databases.values() if each.path]
        named = find_sqlite_of_variables(self._found)
        files = [*dict.fromkeys([*settings, *named, *self._found.sqlite_files])]
        there = [each for each in files if os.path.isfile(each)]
        missing = [each for each in files if each not in there]
        copied = Remark(template="SQLite, copied while programs use it.")
        if there:
            name = choose_name("database", "sqlite", self._taken)
            lines: Lines = {"kind": "sqlite", **self._written(there)}
            is_active = self._is_savable(name, lines)
            self._parts.append(
                ProposedPart(heading=f"component.{name}", lines=lines, remarks=(copied,), is_active=is_active)
            )
            for path in self._relative(filter(self._is_inside, there)) if is_active else ():
                self._others += [write_pattern(f"{path}{end}") for end in ("", *map(os.fsdecode, COMPANIONS))]
        if missing:
            name = choose_name("database", "sqlite", self._taken)
            later = Remark(
                template="Not there yet: {paths}. Take the # away when it is.",
                values={"paths": ", ".join(self._relative(missing))},
            )
            lines = {"kind": "sqlite", **self._written(missing)}
            self._parts.append(
                ProposedPart(heading=f"component.{name}", lines=lines, remarks=(copied, later), is_active=False)
            )

    def _add_django(self) -> None:
        django = DjangoProposals(self._found, self._taken)
        django.propose()
        self._parts += django.parts
        self._others += django.others
        self._left_out += django.left_out
        self._remarks += django.remarks

    def _add_secrets(self) -> None:
        files = self._find_secret_files()
        if not files:
            return
        paths = self._relative(files)
        lines: Lines = {"kind": "secrets", "paths": [*map(write_path, paths)], "priority": "P0", "rpo": "0s"}
        if self._is_savable("secrets", lines):
            name = choose_name("secrets", "env-files", self._taken)
            remark = Remark(template="Files with secrets, in snapshots of their own, at every change, kept for ever.")
            self._parts.append(ProposedPart(heading=f"component.{name}", lines=lines, remarks=(remark,)))
            self._others += [write_pattern(each) for each in self._relative(filter(self._is_inside, files))]
            return
        self._main_remarks.append(
            Remark(
                template="Secrets are in it ({paths}); the vault is sealed, and only its owner reads them.",
                values={"paths": ", ".join(paths)},
            )
        )

    def _find_secret_files(self) -> list[Path]:
        """Return files of variables, and what compose hands to services as variables or secrets from anywhere."""
        services = self._found.compose.services.values() if self._found.compose else ()
        named = [path for each in services for path in (*each.env_files, *each.secret_files.values())]
        named += [path for each in self._found.units for path in each.secrets]
        normal = [Path(os.path.normpath(each)) for each in named]
        return [*dict.fromkeys([*self._found.env_files, *(each for each in normal if may_hold_text(each))])]

    def _add_units(self) -> None:
        """Save what starts this on the machine: it lies outside of the directory, and nothing else has it."""
        files = [path for each in self._found.units for path in each.files if not self._is_inside(path)]
        if files:
            name = choose_name("units", "systemd-units", self._taken)
            remark = Remark(
                template="Units of systemd that start what lies here: {names}. After a return, systemctl "
                "daemon-reload.",
                values={"names": ", ".join(each.name for each in self._found.units)},
            )
            lines: Lines = {"kind": "files", "paths": [write_path(str(each)) for each in files]}
            self._parts.append(ProposedPart(heading=f"component.{name}", lines=lines, remarks=(remark,)))

    def _add_dependencies(self) -> None:
        found = self._found.dependencies
        for wanted, paths, rebuild in (
            ("node", found.node, found.node_rebuild),
            ("python", found.python, found.python_rebuild),
        ):
            if not paths:
                continue
            name = choose_name(wanted, f"{wanted}-dependencies", self._taken)
            remark = Remark(template="Dependencies: could be made again, but a restore is quicker and certain.")
            self._parts.append(
                ProposedPart(
                    heading=f"component.{name}",
                    lines={
                        "kind": "files",
                        "paths": [*map(write_path, paths)],
                        "rebuild": rebuild,
                        "allow_empty": True,
                    },
                    remarks=(remark,),
                )
            )
            self._others += [write_pattern(each, is_folder=True) for each in paths]

    def _add_git(self) -> None:
        repository = self._found.repository
        if repository and repository.remote:
            lines: Lines = {"kind": "versioned", "path": ".", "remote": repository.remote}
            name = choose_name("history", "git", self._taken)
            remark = Remark(
                template="Nothing of it is saved: it has to be clean and pushed, and you hear when it is not."
            )
            is_savable = self._is_savable(name, lines)
            remarks = (remark,) if is_savable else (remark, CANNOT_YET)
            self._parts.append(
                ProposedPart(heading=f"component.{name}", lines=lines, remarks=remarks, is_active=is_savable)
            )

    def _add_unsaved(self) -> None:
        unsaved = find_unsaved(self._found, self._parts, self._taken)
        self._parts += unsaved.parts
        self._remarks += unsaved.remarks

    def _add_servers(self) -> None:
        if "database" in self._taken:
            return
        for server in self._found.servers:
            where: Lines = {"host": server.folder, "port": server.port}
            own: Lines = {"kind": "postgres", **where, "user": "postgres", "databases": ["*"]}
            dump: Lines = {
                "kind": "command",
                "run": f"pg_dumpall --host={server.folder} --port={server.port} --clean --if-exists",
                "end_mark": "PostgreSQL database cluster dump complete",
            }
            lines = own if self._is_savable("database", own) else dump
            remark = Remark(
                template="PostgreSQL answers in {folder}, port {port}. If it belongs to this stack, take the # away.",
                values={"folder": server.folder, "port": server.port},
            )
            name = choose_name("database", f"database-{server.port}", self._taken)
            self._parts.append(
                ProposedPart(heading=f"component.{name}", lines=lines, remarks=(remark,), is_active=False)
            )

    def _classes(self, components: Iterable[ProposedPart]) -> Iterable[ProposedPart]:
        days = self._found.file_variables.get("BACKUP_RETENTION_DAYS", "")
        is_told = days.isascii() and days.isdigit() and 0 < int(days) < 100_000
        within = f"{int(days) if is_told else _USUAL_DAYS}d"
        keep: Lines = {"within": within} if is_told else {"within": within, "monthly": 12}
        told = (Remark(template="How long is what BACKUP_RETENTION_DAYS says."),) if is_told else ()
        yield ProposedPart(
            heading="class.daily",
            lines={"schedule": "0 3 * * *", "components": "all", "keep": keep},
            remarks=(Remark(template="Everything, every night. What did not change takes no room."), *told),
        )
        yield from self._frequent_class(components, keep)
        yield ProposedPart(
            heading="class.pre-deployment",
            lines={"trigger": "manual", "components": "all", "keep": "for-ever"},
            remarks=(Remark(template="Before something is changed: rebond backup --class pre-deployment"),),
        )
        secrets = [each.heading.partition(".")[2] for each in components if each.lines["kind"] == "secrets"]
        if secrets:
            yield ProposedPart(
                heading="class.secrets",
                lines={"trigger": "change", "components": secrets, "keep": "for-ever"},
            )

    def _frequent_class(self, components: Iterable[ProposedPart], keep: Lines) -> Iterable[ProposedPart]:
        """Yield a class for what a label allows to lose less than a day of."""
        spans = {}
        for each in components:
            text = each.lines.get("rpo")
            if each.is_active and isinstance(text, str) and each.lines["kind"] != "secrets":
                try:
                    spans[each.heading.partition(".")[2]] = parse_span(text)
                except UsageError:
                    continue  # the configuration's own check tells it
        hurried = {name: span for name, span in spans.items() if span < _DAY_SECONDS}
        schedule = quickest_schedule(min(hurried.values())) if hurried else None
        if schedule:
            yield ProposedPart(
                heading="class.frequent",
                lines={"schedule": schedule, "components": list(hurried), "keep": keep},
                remarks=(Remark(template="What the label rebond.rpo wants more often than once a day."),),
            )

    def _relative(self, paths: Iterable[Path]) -> list[str]:
        directory = self._found.directory
        return [str(each.relative_to(directory)) if each.is_relative_to(directory) else str(each) for each in paths]

    def _written(self, paths: list[Path]) -> Lines:
        """Return ``path`` or ``paths`` of a component."""
        texts = [*map(write_path, self._relative(paths))]
        return {"path": texts[0]} if len(texts) == 1 else {"paths": texts}

    def _is_inside(self, path: Path) -> bool:
        return path.is_relative_to(self._found.directory)
