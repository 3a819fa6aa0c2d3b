"""What a command of a drill gets: the restored secrets, the throw-away databases, and no way to production."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rebond.config.steps import OWN_IF_POSSIBLE
from rebond.config.variable_files import read_variable_file
from rebond.errors import CommandFailed, SourceUnfit
from rebond.logs.masking import remember_variables
from rebond.operations.drills.outcomes import Answer, Check
from rebond.sources.streams.readers import CommandReader
from rebond.stack.drills import own_network
from rebond.stack.drills.drilled_servers import DrilledServer, describe_servers, first_of_each

_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR")
_ASK_SECONDS = 10.0
_NO_ENGINE = "no-engine-in-a-drill"


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
    root: Path,
    env_files: Sequence[str],
    environment: Mapping[str, str],
    *,
    mark: str,
    servers: Sequence[DrilledServer] = (),
) -> Surroundings:
    """Return where commands run: the restored variables, then what leads to the throw-away servers, and nothing else.

    Of our own environment only what every program needs is passed on: no key, no passphrase, no credential. Ports lead
    to the servers only in a network that is nobody else's: what came back is not for everyone on this machine.
    """
    variables = {name: environment[name] for name in _KEPT if name in environment}
    variables["HOME"] = str(root)
    for name in env_files:
        variables |= _read_variables(root, name)
    remember_variables(variables)  # they may be printed by what gets them, and are masked then
    cutter = find_cutter(environment)
    variables |= describe_servers(servers, has_ports=bool(cutter), url=variables.get("DATABASE_URL", ""))
    # The engine of this machine runs production: whoever means it all the same names it (docker --host).
    nowhere = "unix://" + os.path.join(mark, _NO_ENGINE)
    variables |= {"DOCKER_HOST": nowhere, "CONTAINER_HOST": nowhere}
    variables |= {"REBOND_DRILL": mark, "REBOND_DRILL_ROOT": str(root), "TMPDIR": os.path.join(mark, "scratch")}
    ways = [f"{each.port}={each.socket}" for each in first_of_each(servers)]
    network = (*cutter, sys.executable, "-I", "-S", own_network.__file__, *ways, "--") if cutter else ()
    return Surroundings(directory=root, variables=variables, wrapper=network)


def find_cutter(environment: Mapping[str, str], *, is_root: bool | None = None) -> tuple[str, ...]:
    """Return what cuts a command off from the network; empty where the system does not let us.

    An ordinary user keeps the rights over that network only, which it takes to make its 127.0.0.1 ready.
    """
    is_root = os.geteuid() == 0 if is_root is None else is_root
    unshare = shutil.which("unshare", path=environment.get("PATH"))
    if unshare is None:
        return ()
    options = ("--net",) if is_root else ("--user", "--map-current-user", "--keep-caps", "--net")
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
    return () if status else (unshare, *options, "--")


def tell_open_network(environment: Mapping[str, str]) -> Iterator[Check]:
    """Yield an answer that is missing where commands cannot be cut off: nobody knows then whom they have asked."""
    if not find_cutter(environment):
        yield Check(
            code="network",
            subject="network",
            answer=Answer.NOT_RUN,
            template="This system lets no network of its own be made: what the commands and the application reached "
            "besides what came back is not known.",
            hint_template="See that '{command}' succeeds on the machine that drills, or drill as root. "
            'If they reach nothing of production anyhow: network = "{accepted}" under [drill].',
            values={"command": "unshare --user --net true", "accepted": OWN_IF_POSSIBLE},
        )


def require_no_engine(said: str) -> None:
    """Raise ``SourceUnfit`` where a command failed because it asked the engine of this machine, by what it said."""
    if _NO_ENGINE in said:
        raise SourceUnfit(
            "It asks the container engine of this machine, where production runs: a drill does not lead there.",
            hint="Run it from the files of the image, in the throw-away place: docs/how-to/drill.md says how.",
        )


def find_entrance(around: Surroundings, pid: int) -> tuple[str, ...] | None:
    """Return what runs a command in the network of a process that runs in ``around``; ``None`` where nothing does."""
    program = shutil.which("nsenter", path=around.variables.get("PATH"))
    if program is None:
        return None
    user = ("--user", "--preserve-credentials") if "--user" in around.wrapper else ()
    return (program, "--target", str(pid), *user, "--net", "--")


def _read_variables(root: Path, name: str) -> dict[str, str]:
    """Return the variables of a restored file; none where it did not come back."""
    path = root / name
    if os.path.isabs(name) or not path.is_file():
        return {}
    return dict(read_variable_file(path, interpolates=False).variables)
