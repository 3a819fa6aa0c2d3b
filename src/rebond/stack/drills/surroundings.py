"""What a command of a drill gets: the restored secrets, the throw-away databases, and no way to production."""

import os
import shutil
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rebond.errors import CommandFailed
from rebond.logs.masking import remember_variables
from rebond.sources.postgres.own_server import OwnServer
from rebond.sources.streams.readers import CommandReader

_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR")
_LOOPBACK = 'ip link set lo up 2>/dev/null || true; exec "$@"'
_ASK_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where commands of a drill run. ``directory`` stands for the stack's root.

    ``is_cut_off`` says that they reach no network but their own.
    """

    directory: Path
    variables: Mapping[str, str]
    wrapper: tuple[str, ...] = ()

    @property
    def is_cut_off(self) -> bool:
        """Whether no network can be reached from there."""
        return bool(self.wrapper)

    def wrap(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return a command as it runs there."""
        return (*self.wrapper, *words)


def make_surroundings(
    root: Path, env_files: Sequence[str], environment: Mapping[str, str], *, mark: str, server: OwnServer | None
) -> Surroundings:
    """Return where commands run: the restored variables, then what leads to the throw-away server, and nothing else.

    Of our own environment only what every program needs is passed on: no key, no passphrase, no credential.
    """
    variables = {name: environment[name] for name in _KEPT if name in environment}
    variables["HOME"] = str(root)
    for name in env_files:
        variables |= _read_variables(root, name)
    remember_variables(variables)  # they may be printed by what gets them, and are masked then
    if server is not None:
        variables |= describe_server(server)
    variables |= {"REBOND_DRILL": mark, "REBOND_DRILL_ROOT": str(root), "TMPDIR": os.path.join(mark, "scratch")}
    return Surroundings(directory=root, variables=variables, wrapper=find_wrapper(environment))


def describe_server(server: OwnServer, database: str = "") -> dict[str, str]:
    """Return the variables by which applications find their database, all of them of the throw-away one."""
    name = database or "postgres"
    host = str(server.folder)
    user, quoted, shown = (urllib.parse.quote(each, safe="") for each in (server.superuser, host, name))
    place = f"{user}@{quoted}:5432/{shown}"
    return {
        "PGHOST": host,
        "PGPORT": "5432",
        "PGUSER": server.superuser,
        "PGDATABASE": name,
        "PGPASSWORD": "",
        "PGPASSFILE": f"{host}/no-passwords",
        "PGSERVICEFILE": f"{host}/no-services",
        "DATABASE_URL": f"postgresql://{place}",
        **{f"{start}_HOST": host for start in ("POSTGRES", "DB", "DATABASE")},
        **{f"{start}_PORT": "5432" for start in ("POSTGRES", "DB", "DATABASE")},
        **{f"{start}_USER": server.superuser for start in ("POSTGRES", "DB", "DATABASE")},
        **{f"{start}_PASSWORD": "" for start in ("POSTGRES", "DB", "DATABASE")},
        **{f"{start}_NAME": name for start in ("DB", "DATABASE")},
        "POSTGRES_DB": name,
    }


def find_wrapper(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return what cuts a command off from the network; empty where the system does not let us."""
    unshare = shutil.which("unshare", path=environment.get("PATH"))
    if unshare is None:
        return ()
    options = ("--net",) if os.geteuid() == 0 else ("--user", "--map-current-user", "--net")
    reader = None
    try:
        reader = CommandReader(
            [unshare, *options, "--", "true"],
            environment={"PATH": environment.get("PATH", os.defpath)},
            timeout_seconds=_ASK_SECONDS,
        )
        status = reader.wait()
    except CommandFailed:
        return ()
    finally:
        if reader is not None:
            reader.close()
    return () if status else (unshare, *options, "--", "sh", "-c", _LOOPBACK, "sh")


def find_entrance(around: Surroundings, pid: int) -> tuple[str, ...] | None:
    """Return what runs a command in the network of a process that runs in ``around``; ``None`` where nothing does."""
    program = shutil.which("nsenter", path=around.variables.get("PATH"))
    if program is None:
        return None
    user = ("--user", "--preserve-credentials") if "--user" in around.wrapper else ()
    return (program, "--target", str(pid), *user, "--net", "--")


def _read_variables(root: Path, name: str) -> dict[str, str]:
    """Return the variables of a restored file; none where it did not come back."""
    from dotenv import dotenv_values  # noqa: PLC0415 - few stacks have such files

    path = root / name
    if os.path.isabs(name) or not path.is_file():
        return {}
    with path.open(encoding="utf-8", errors="surrogateescape") as stream:
        found = dotenv_values(stream=stream, interpolate=False)
    return {key: value for key, value in found.items() if value is not None}
