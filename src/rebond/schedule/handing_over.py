"""What systemd, cron and Git have to know of a stack."""

import os
import pwd
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rebond.config.components import Sqlite
from rebond.config.model import Loaded
from rebond.config.references import Text
from rebond.config.resolving import Resolver
from rebond.schedule.jobs import Calendar, Job, make_calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """A stack as others start its runs. ``user`` is empty for whoever installs; paths are absolute.

    ``state_folder`` and ``cache_folder`` are those of that user; ``variables`` go with every run; ``writable`` are the
    places that a run writes to besides.
    """

    stack: str
    program: tuple[str, ...]
    configuration: str
    root: str
    calendar: Calendar
    folder: Path
    state_folder: Path
    cache_folder: Path
    user: str = ""
    after: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    nice: int = 0
    variables: Mapping[str, str] = field(default_factory=dict)

    def command_of(self, job: Job) -> tuple[str, ...]:
        """Return the command of a job's run."""
        return (*self.program, "--config", self.configuration, "--quiet", *job.arguments)

    @property
    def serve_command(self) -> tuple[str, ...]:
        """The command of the service."""
        return (*self.program, "--config", self.configuration, "serve")


def describe_handing_over(
    loaded: Loaded, folder: Path, folders: tuple[Path, Path], environment: Mapping[str, str]
) -> HandedOver:
    """Return what has to be known. ``folders`` are those of this user's state and cache. Looks references up."""
    configuration, resolver = loaded.configuration, Resolver(root=loaded.root, variables=loaded.variables)
    scheduling, user = configuration.schedule, find_user_of_runs(loaded)
    is_other = bool(user) and user != name_of_this_user()
    chosen = {name: environment[name] for name in ("REBOND_STATE_DIR", "REBOND_CACHE_DIR") if environment.get(name)}
    if not is_other and environment.get("XDG_STATE_HOME"):
        # Of a login only: without it a run would keep its records elsewhere, and see no pause that is made here.
        chosen.setdefault("REBOND_STATE_DIR", os.fspath(folders[0]))
    home = _home_of(user) if is_other else None
    state = folders[0] if home is None or "REBOND_STATE_DIR" in chosen else home / ".local/state/rebond"
    cache = folders[1] if home is None or "REBOND_CACHE_DIR" in chosen else home / ".cache/rebond"
    vaults = list_local_vaults(loaded, resolver)
    return HandedOver(
        stack=configuration.stack.name,
        program=find_program(),
        configuration=os.path.abspath(loaded.files[0]),
        root=os.fspath(loaded.root),
        calendar=make_calendar(configuration),
        folder=state / folder.relative_to(folders[0]),
        state_folder=state,
        cache_folder=cache,
        user=user,
        after=scheduling.after if scheduling else (),
        writable=tuple(dict.fromkeys([os.fspath(loaded.root), *vaults, *_other_places(loaded)])),
        mounts=tuple(dict.fromkeys([os.fspath(loaded.root), *vaults])),
        nice=(configuration.limits.nice or 0) if configuration.limits else 0,
        variables=chosen,
    )


def find_user_of_runs(loaded: Loaded) -> str:
    """Return as whom the runs are started; empty for whoever installs them. Looks references up."""
    scheduling = loaded.configuration.schedule
    if not scheduling or not scheduling.user:
        return ""
    return Resolver(root=loaded.root, variables=loaded.variables).resolve_words(scheduling.user)


def find_program() -> tuple[str, ...]:
    """Return how this program is started from anywhere: its own script beside this Python, or the module."""
    beside = Path(sys.executable).with_name("rebond")
    if os.access(beside, os.X_OK):
        return (os.fspath(beside),)
    found = shutil.which("rebond")
    return (os.path.abspath(found),) if found else (sys.executable, "-m", "rebond.cli")


def name_of_this_user() -> str:
    """Return the name of who runs this; empty for a number without a name, as in containers."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return ""


def _home_of(user: str) -> Path:
    try:
        return Path(pwd.getpwnam(user).pw_dir)
    except KeyError:  # not on this machine: what is printed is for another
        return Path("/home") / user


def list_local_vaults(loaded: Loaded, resolver: Resolver | None) -> list[str]:
    """Return the vaults that are directories. Without a resolver, those whose address stands in the configuration."""
    configuration = loaded.configuration
    urls: list[Text] = [each.url for each in configuration.vaults.values()]
    urls += [configuration.vault.url] if configuration.vault else []
    words = [each for each in urls if isinstance(each, str)]
    if resolver is not None:
        words += [resolver.resolve_words(each) for each in urls if not isinstance(each, str)]
    return [
        os.path.normpath(os.path.join(loaded.root, os.path.expanduser(each))) for each in words if "://" not in each
    ]


def _other_places(loaded: Loaded) -> list[str]:
    """Return where else a run writes: exports, the log, the page of what is, and beside databases of SQLite."""
    configuration, root = loaded.configuration, loaded.root
    places = [each.to for class_ in configuration.classes.values() for each in class_.export]
    if configuration.serve and configuration.serve.page:
        places.append(os.path.dirname(configuration.serve.page))
    if configuration.log and configuration.log.file:
        places.append(os.path.dirname(configuration.log.file))
    for component in configuration.component.values():
        if isinstance(component, Sqlite):
            places += [os.path.dirname(each) for each in (component.path or "", *component.paths) if each]
    absolute = [
        os.path.normpath(os.path.join(root, each)) for each in places if not any(sign in each for sign in "*?[")
    ]
    return [each for each in absolute if not (each + "/").startswith(f"{root}/")]


def make_folders(handed: HandedOver) -> None:
    """Make the folders of state and cache, which a run could not make where it may write nowhere else.

    Raises ``OSError``.
    """
    for folder in (handed.state_folder, handed.cache_folder):
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir(mode=0o700)
            if handed.user and handed.user != name_of_this_user():
                owner = pwd.getpwnam(handed.user)
                os.chown(each, owner.pw_uid, owner.pw_gid)
