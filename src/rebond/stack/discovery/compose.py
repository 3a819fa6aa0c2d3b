"""Reading compose files as compose reads them. Nothing is run, and no value of a variable is passed on in words."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rebond.stack.discovery.compose_merging import (
    Plain,
    list_of,
    merge_services,
    normalize_service,
    pairs_of,
    strip_tags,
    text_of,
)
from rebond.stack.discovery.compose_model import ComposeStack, Mount, Service, Variable
from rebond.stack.discovery.compose_yaml import UnreadableFile, read_yaml
from rebond.stack.discovery.env_files import read_variables
from rebond.stack.discovery.interpolation import Replaced, find_reference, replace_variables
from rebond.stack.discovery.remarks import Remark

_DEEPEST_EXTENDS = 20


def read_compose(files: Sequence[Path], variables: Mapping[str, str]) -> ComposeStack:
    """Return the stack that the files make together. What cannot be read is left out and remarked on."""
    return _Reader(files, variables).read()


class _Reader:
    """One reading: the variables, and what was noticed."""

    def __init__(self, files: Sequence[Path], variables: Mapping[str, str]) -> None:
        self._files = tuple(files)
        self._directory = self._files[0].parent if files else Path()
        self._variables = variables
        self._noticed = Replaced()
        self._remarks: list[Remark] = []
        self._read: dict[Path, Plain] = {}

    def read(self) -> ComposeStack:
        services: dict[str, Plain] = {}
        volumes: dict[str, Any] = {}
        secrets: dict[str, Any] = {}
        for file in self._files:
            self._add_file(file, self._directory, services, volumes, secrets, ())
        profiles = {each.strip() for each in self._variables.get("COMPOSE_PROFILES", "").split(",") if each.strip()}
        found = {name: self._make(name, each, secrets, profiles) for name, each in services.items()}
        return ComposeStack(
            files=self._files,
            directory=self._directory,
            services=found,
            volumes=tuple(volumes),
            remarks=(*self._remarks, *self._remark_on_variables()),
        )

    def _add_file(
        self,
        file: Path,
        directory: Path,
        services: dict[str, Plain],
        volumes: dict[str, Any],
        secrets: dict[str, Any],
        above: tuple[Path, ...],
    ) -> None:
        document = self._document(file)
        for each in list_of(document.get("include")):
            for path in list_of(each.get("path") if isinstance(each, dict) else each):
                included = (directory / self._replace(text_of(path))).resolve()
                if included not in above and len(above) < _DEEPEST_EXTENDS:
                    self._add_file(included, included.parent, services, volumes, secrets, (*above, included))
        for name, service in _table(document.get("services")).items():
            whole = self._extend(file, str(name), _table(service), directory, ())
            services[str(name)] = merge_services(services.get(str(name), {}), whole)
        volumes.update(_table(document.get("volumes")))
        for name, secret in _table(document.get("secrets")).items():
            path = _table(secret).get("file")
            if isinstance(path, str):
                secrets[str(name)] = directory / self._replace(path)

    def _extend(
        self, file: Path, name: str, service: Plain, directory: Path, above: tuple[tuple[Path, str], ...]
    ) -> Plain:
        """Return a service with what it extends below it."""
        own = normalize_service(service, directory, self._replace)
        extends = own.pop("extends", None)
        if not extends:
            return own
        wanted = extends if isinstance(extends, dict) else {"service": extends}
        base_name = self._replace(text_of(wanted.get("service")))
        base_file = directory / self._replace(text_of(wanted["file"])) if wanted.get("file") else file
        step = (base_file.resolve(), base_name)
        base = _table(_table(self._document(base_file).get("services")).get(base_name))
        if step in above or step == (file.resolve(), name) or not base:
            self._remarks.append(
                Remark(
                    template="The service {service} extends {base}, which is not there or extends it in turn.",
                    values={"service": name, "base": base_name},
                )
            )
            return own
        base_directory = base_file.parent if wanted.get("file") else directory
        return merge_services(self._extend(base_file, base_name, base, base_directory, (*above, step)), own)

    def _document(self, file: Path) -> Plain:
        if file not in self._read:
            try:
                self._read[file] = read_yaml(file)
            except UnreadableFile as error:
                self._read[file] = {}
                self._remarks.append(
                    Remark(
                        template="{file} cannot be read: {reason}.",
                        values={"file": os.path.relpath(file, self._directory), "reason": str(error)},
                    )
                )
        return self._read[file]

    def _make(self, name: str, plain: Plain, secrets: Mapping[str, Path], profiles: set[str]) -> Service:
        plain = strip_tags(plain)
        own_profiles = tuple(self._replace(text_of(each)) for each in list_of(plain.get("profiles")))
        env_files = tuple(Path(text_of(each)) for each in list_of(plain.get("env_file")))
        named = [
            text_of(each.get("source") if isinstance(each, dict) else each) for each in list_of(plain.get("secrets"))
        ]
        return Service(
            name=name,
            image=self._replace(text_of(plain.get("image"))),
            is_built=plain.get("build") is not None,
            words=tuple(self._list_words(plain.get("entrypoint")) or self._list_words(plain.get("command"))),
            is_active=not own_profiles or "*" in profiles or bool(profiles & set(own_profiles)),
            profiles=own_profiles,
            variables=self._read_variables(plain, env_files),
            env_files=env_files,
            secret_files={each: secrets[each] for each in named if each in secrets},
            mounts=tuple(_make_mount(each) for each in list_of(plain.get("volumes")) if each.get("target")),
            labels={key: self._replace(text_of(each)) for key, each in _table(plain.get("labels")).items()},
        )

    def _list_words(self, said: Any) -> list[str]:
        """Return the words of a command, which stands as text or as a list."""
        return self._replace(said).split() if isinstance(said, str) else [text_of(each) for each in list_of(said)]

    def _read_variables(self, plain: Plain, env_files: Sequence[Path]) -> dict[str, Variable]:
        found: dict[str, Variable] = {}
        for file in env_files:
            for name, text in read_variables(file).items():
                found[name] = Variable(text=text)
        for name, raw in pairs_of(plain.get("environment")).items():
            if raw is None:  # passed on as it is
                if name in self._variables:
                    found[name] = Variable(text=self._variables[name], reference=find_reference(f"${name}"))
                continue
            found[name] = Variable(text=self._replace(text_of(raw)), reference=find_reference(text_of(raw)))
        return found

    def _replace(self, text: str) -> str:
        return replace_variables(text, self._variables, self._noticed)

    def _remark_on_variables(self) -> list[Remark]:
        remarks = [
            Remark(
                template="Compose refuses to start while the variable {name} is not set: {words}",
                values={"name": name, "words": words or "required"},
            )
            for name, words in sorted(self._noticed.demanded.items())
        ]
        if missing := sorted(self._noticed.missing - set(self._noticed.demanded)):
            remarks.append(
                Remark(
                    template="Compose takes these variables as empty, because they are not set: {names}.",
                    values={"names": ", ".join(missing)},
                )
            )
        return remarks


def _make_mount(plain: Plain) -> Mount:
    return Mount(
        is_volume=plain["type"] == "volume",
        source=str(plain["source"]) if plain["type"] in {"volume", "bind"} else "",
        target=str(plain["target"]),
        is_read_only=bool(plain["read_only"]),
    )


def _table(value: Any) -> Plain:
    value = strip_tags(value) if not isinstance(value, dict) else value
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else {}
