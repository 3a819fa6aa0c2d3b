"""What a command of a drill gets: the restored secrets, the throw-away databases, and no way to production."""

import errno
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
_MOUNTS = "--mount"
_WORDS = 500
DRILL_VARIABLE = "REBOND_DRILL"
_NO_ENGINE = "no-engine-in-a-drill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where commands of a drill run. ``directory`` stands for the stack's root.

    ``is_cut_off`` says that they reach no network but their own. ``hides`` says that they have mounts of their own, in
    which what is live here is hidden.
    """

    directory: Path
    variables: Mapping[str, str]
    wrapper: tuple[str, ...] = ()
    hides: bool = False

    @property
    def is_cut_off(self) -> bool:
        """Whether no network can be reached from there."""
        return bool(self.wrapper)

    def read_asked(self, session: int | None = None) -> tuple[str, ...]:
        """Return the hidden places at which somebody has asked: of one session, or anybody."""
        try:
            lines = Path(self.variables[DRILL_VARIABLE], own_network.NOTES).read_text(errors="replace").splitlines()
        except OSError:  # nobody has
            return ()
        found = [line.partition("\t") for line in lines]
        return tuple(dict.fromkeys(place for who, _, place in found if session is None or who == str(session)))

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
    hidden: Sequence[str] = (),
) -> Surroundings:
    """Return where commands run: the restored variables, then what leads to the throw-away servers, and nothing else.

    ``hidden`` are the words by which ``own_network`` hides what is live, where the system allows it.

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
    variables |= {DRILL_VARIABLE: mark, "REBOND_DRILL_ROOT": str(root), "TMPDIR": os.path.join(mark, "scratch")}
    ways = [f"{each.port}={each.socket}" for each in first_of_each(servers)]
    hides = bool(hidden) and _MOUNTS in cutter
    program = (sys.executable, "-I", "-S", own_network.__file__, *ways, *(hidden if hides else ()), "--")
    return Surroundings(directory=root, variables=variables, wrapper=(*cutter, *program) if cutter else (), hides=hides)


def find_cutter(environment: Mapping[str, str], *, is_root: bool | None = None) -> tuple[str, ...]:
    """Return what cuts a command off from the network; empty where the system does not let us.

    It has mounts of its own too, where the system lets us: they follow those of the machine, and not the other way.
    An ordinary user keeps the rights over both only, which it takes to make them ready.
    """
    is_root = os.geteuid() == 0 if is_root is None else is_root
    unshare = shutil.which("unshare", path=environment.get("PATH"))
    if unshare is None:
        return ()
    network = ("--net",) if is_root else ("--user", "--map-current-user", "--keep-caps", "--net")
    for options in ((*network, _MOUNTS, "--propagation", "slave"), network):
        if _is_allowed(unshare, options, environment):
            return (unshare, *options, "--")
    return ()


def _is_allowed(unshare: str, options: Sequence[str], environment: Mapping[str, str]) -> bool:
    reader = None
    try:
        reader = CommandReader(
            [unshare, *options, "--", "true"],
            environment={"PATH": environment.get("PATH", os.defpath)},
            timeout_seconds=_ASK_SECONDS,
        )
        return reader.wait() == 0
    except CommandFailed:
        return False
    finally:
        if reader is not None:
            reader.close()


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


def require_nothing_live(asked: Sequence[str]) -> None:
    """Raise ``SourceUnfit`` where a command asked for what is live: whatever it says is not of what came back."""
    if asked:
        raise SourceUnfit(
            "It asked for {way}, which is live here, and hidden from a drill.",
            hint="Let the variables of the drill lead it (PGHOST, DB_HOST, DATABASE_URL), as the drill's own user. "
            "If it asks nothing of production: trusted = true, beside its run, or under [drill] for start.",
            way=" and ".join(asked),
        )


def require_nothing_written(said: str, around: Surroundings) -> None:
    """Raise ``SourceUnfit`` where a command failed because it may only read what is live, by what it said."""
    if around.hides and (f"[Errno {errno.EROFS}]" in said or os.strerror(errno.EROFS) in said):
        raise SourceUnfit(
            "It would have written to what is live, of which a drill only reads: {words}",
            hint="Let it write below the drill's own root (REBOND_DRILL_ROOT, TMPDIR), by relative paths. "
            "If that is meant: trusted = true, beside its run, or under [drill] for start.",
            words=said[-_WORDS:],
        )


def find_entrance(around: Surroundings, pid: int) -> tuple[str, ...] | None:
    """Return what runs a command in the network of a process that runs in ``around``; ``None`` where nothing does.

    Where that hides what is live, the command enters its mounts too, which takes it out of its directory at first.
    """
    program = shutil.which("nsenter", path=around.variables.get("PATH"))
    if program is None:
        return None
    user = ("--user", "--preserve-credentials") if "--user" in around.wrapper else ()
    if not around.hides:
        return (program, "--target", str(pid), *user, "--net", "--")
    back = ("sh", "-c", 'cd "$0" && exec "$@"', str(around.directory))
    return (program, "--target", str(pid), *user, _MOUNTS, "--net", "--", *back)


def _read_variables(root: Path, name: str) -> dict[str, str]:
    """Return the variables of a restored file; none where it did not come back."""
    path = root / name
    if os.path.isabs(name) or not path.is_file():
        return {}
    return dict(read_variable_file(path, interpolates=False).variables)
