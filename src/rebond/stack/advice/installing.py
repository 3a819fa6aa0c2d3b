"""The command that installs a program on this kind of system."""

import shutil
from collections.abc import Mapping

_PACKAGES: dict[str, dict[str, str]] = {
    "docker": {"apt-get": "docker.io", "dnf": "docker-ce", "apk": "docker", "zypper": "docker", "pacman": "docker"},
    "podman": {},
    "kubectl": {"apt-get": "kubernetes-client", "dnf": "kubernetes-client", "apk": "kubectl"},
    "git": {},
    "pg_isready": {"apt-get": "postgresql-client", "dnf": "postgresql", "apk": "postgresql-client"},
    "pg_dump": {"apt-get": "postgresql-client", "dnf": "postgresql", "apk": "postgresql-client"},
    "pg_dumpall": {"apt-get": "postgresql-client", "dnf": "postgresql", "apk": "postgresql-client"},
    "psql": {"apt-get": "postgresql-client", "dnf": "postgresql", "apk": "postgresql-client"},
    "mysqldump": {"apt-get": "default-mysql-client", "dnf": "mysql", "apk": "mysql-client"},
    "mariadb-dump": {"apt-get": "mariadb-client", "dnf": "mariadb", "apk": "mariadb-client"},
    "redis-cli": {"apt-get": "redis-tools", "dnf": "redis", "apk": "redis"},
    "7z": {"apt-get": "p7zip-full", "dnf": "p7zip-plugins", "apk": "7zip"},
}
# What a later release calls it: Debian 12 has 7z in the first only, what follows 13 in the second only.
_RENAMED: dict[tuple[str, str], str] = {("7z", "apt-get"): "7zip"}
_CALLS = {
    "apt-get": "apt-get install -y",
    "dnf": "dnf install -y",
    "apk": "apk add",
    "zypper": "zypper install -y",
    "pacman": "pacman -S --noconfirm",
}


def install_command(program: str, environment: Mapping[str, str], *, is_root: bool) -> str:
    """Return a line that installs ``program``; the program's name stands for its package where nothing is known.

    Where releases of one system call it differently, the line tries one name after the other.
    """
    manager = _find_manager(environment)
    packages = [_PACKAGES.get(program, {}).get(manager, program)]
    if (program, manager) in _RENAMED:
        packages.append(_RENAMED[program, manager])
    call = f"{'' if is_root else 'sudo '}{_CALLS[manager]}"
    return " || ".join(f"{call} {package}" for package in packages)


def install_compose(environment: Mapping[str, str], *, is_root: bool) -> str:
    """Return a line that installs the compose plugin; Debian and Ubuntu call it differently, so one of two."""
    prefix = "" if is_root else "sudo "
    manager = _find_manager(environment)
    if manager != "apt-get":
        names = {"dnf": "docker-compose-plugin", "apk": "docker-cli-compose"}
        return f"{prefix}{_CALLS[manager]} {names.get(manager, 'docker-compose')}"
    call = f"{prefix}{_CALLS[manager]}"
    return f"{call} docker-compose-v2 || {call} docker-compose-plugin"


def install_postgres_client(major: int, environment: Mapping[str, str], *, is_root: bool) -> str:
    """Return a line that installs the programs of one version of PostgreSQL."""
    manager = _find_manager(environment)
    names = {"apt-get": f"postgresql-client-{major}", "apk": f"postgresql{major}-client", "pacman": "postgresql"}
    return f"{'' if is_root else 'sudo '}{_CALLS[manager]} {names.get(manager, f'postgresql{major}')}"


def _find_manager(environment: Mapping[str, str]) -> str:
    path = environment.get("PATH")
    return next((each for each in _CALLS if shutil.which(each, path=path)), "apt-get")
