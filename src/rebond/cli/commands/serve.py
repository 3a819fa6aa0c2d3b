"""``rebond serve``: the process that starts every run when it is due."""

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import click

import rebond
from rebond.cli.configuration.at_hand import describe_problem, judge_configuration, require_configuration
from rebond.cli.configuration.toml_text import write_toml
from rebond.cli.grammar.verbs import verb
from rebond.cli.invocation import Invocation
from rebond.cli.services.log import log_of_service
from rebond.cli.services.signals import signals_heard
from rebond.clock import SystemClock
from rebond.config.loading import Verdict
from rebond.config.model import Loaded
from rebond.durable_files import replace_durably
from rebond.errors import RebondError
from rebond.schedule.handing_over import list_local_vaults
from rebond.schedule.jobs import Job
from rebond.schedule.pausing import read_pause
from rebond.schedule.stack_folders import folder_of, socket_of
from rebond.service.asking import Answer, questions_answered
from rebond.service.configurations import Configurations
from rebond.service.daemon import Service, ServiceSettings
from rebond.service.health import Describe, health_answered
from rebond.service.readiness import tell_systemd
from rebond.stack.wal_places import find_wal_components
from rebond.units import format_iso

LAST_GOOD = "last-good.toml"
STALE_SECONDS = 60.0  # a service that has not looked for so long is not well


@verb(
    "serve",
    help="Start every run of the configuration when it is due, until told to stop. What was missed while nothing ran "
    "is made up for by one run of each class. Runs of one stack wait for one another. SIGHUP, or a changed file, reads "
    "the configuration anew; SIGTERM waits a little for what runs, then interrupts it, and it begins again with the "
    "next start. Writes its log to standard error.",
    example="rebond serve --config /etc/rebond/rebond.toml",
)
@click.pass_obj
def serve(invocation: Invocation) -> None:
    """Raises ``VaultLocked`` when another process serves this stack."""
    loaded = require_configuration(invocation)
    folder = _make_folder(invocation, loaded)
    configurations = Configurations(
        lambda: judge_configuration(invocation), lambda verdict, good: keep_configuration(folder, verdict, good)
    )
    for each in judge_configuration(invocation).problems:
        sys.stderr.write(f"{describe_problem(each)}\n")
    clock = SystemClock()

    def find_file() -> str:
        return os.path.abspath(folder / LAST_GOOD if configurations.fault else loaded.files[0])

    settings = ServiceSettings(
        folder=folder,
        make_command=lambda job: make_command(job, find_file()),
        environment=invocation.environment,
        clock=clock,
        list_attendants=lambda good: list_attendants(good, find_file()),
        hear=_pass_on,
        list_vaults=list_vaults,
    )
    service = Service(settings, configurations)

    def describe() -> Answer:
        return _describe(service, configurations, clock, settings)

    def answer(word: str) -> Answer:
        return _answer(word, service, describe)

    with contextlib.ExitStack() as opened:
        opened.enter_context(log_of_service(invocation, loaded))
        opened.enter_context(signals_heard(partial(_hear, service)))

        def open_doors() -> None:
            opened.enter_context(questions_answered(socket_of(folder), answer))
            serving = configurations.current.configuration.serve
            opened.enter_context(health_answered(serving.listen if serving else None, describe))

        service.run(open_doors=open_doors, notice_ready=lambda: tell_systemd(invocation.environment, "READY=1"))
        tell_systemd(invocation.environment, "STOPPING=1")


def _hear(service: Service, number: int) -> None:
    if number == signal.SIGHUP:
        service.ask_reload()
    else:
        service.stop()


def keep_configuration(folder: Path, verdict: Verdict, good: Loaded) -> None:
    """Write down what all files say together, for runs that begin while the files say something that cannot be used."""
    document = verdict.document
    assert isinstance(document, dict)  # noqa: S101 - it was read into a configuration
    stack = {**document["stack"], "root": os.fspath(good.root)}
    whole = {name: each for name, each in document.items() if name != "include"} | {"stack": stack}
    try:
        replace_durably(os.fspath(folder / LAST_GOOD), write_toml(whole).encode("utf-8", "surrogateescape"))
    except OSError as error:  # a full disk: the service goes on, and runs read the files themselves
        logging.getLogger("rebond").warning("%s could not be written: %s", LAST_GOOD, error)


def make_command(job: Job, configuration: str) -> Sequence[str]:
    """Return the command of a job's run: this program, whatever it is called here."""
    return (sys.executable, "-m", "rebond.cli", "--config", configuration, "--json", "--quiet", *job.arguments)


def list_attendants(loaded: Loaded, configuration: str) -> Mapping[str, Sequence[str]]:
    """Return the processes that run as long as the service does: those that keep a write-ahead log."""
    program = (sys.executable, "-m", "rebond.cli", "--config", configuration, "wal")
    ways = {name: each.wal for name, each in find_wal_components(loaded).items()}
    found: dict[str, Sequence[str]] = {"wal serve": (*program, "serve")} if ways else {}
    for name, way in ways.items():
        if way == "receive":
            found[f"wal receive {name}"] = (*program, "receive", "--component", name)
    return found


def list_vaults(loaded: Loaded) -> Sequence[Path]:
    """Return the folders of vaults; one whose address is a secret may cost a question to another machine."""
    return [Path(each) for each in list_local_vaults(loaded, None)]


def _pass_on(text: bytes) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody listens
        sys.stderr.write(text.decode(errors="backslashreplace"))
        sys.stderr.flush()


def _describe(
    service: Service, configurations: Configurations, clock: SystemClock, settings: ServiceSettings
) -> Mapping[str, object]:
    facts, now_ms = service.facts, clock.now_ms()
    pause = read_pause(settings.folder, now_ms)
    looked_seconds = clock.monotonic() - facts.looked_monotonic
    return {
        "ok": looked_seconds < STALE_SECONDS and not facts.fault and not facts.troubles,
        "program": f"rebond {rebond.__version__}",
        "stack": configurations.current.configuration.stack.name,
        "pid": os.getpid(),
        "since": format_iso(facts.since_ms),
        "looked_seconds_ago": round(looked_seconds, 1),
        "running": list(facts.running),
        "attending": list(facts.attending),
        "paused": pause is not None,
        "troubles": list(facts.troubles),
        "configuration": "good" if not facts.fault else "broken; the last good one is used",
        "ended": dict(facts.ended),
    }


def _answer(word: str, service: Service, describe: Describe) -> Answer:
    match word:
        case "status":
            return describe()
        case "wake":
            service.wake()
        case "reload":
            service.ask_reload()
        case _:
            return {"error": f"'{word}' is none of status, wake, reload"}
    return {"ok": True}


def _make_folder(invocation: Invocation, loaded: Loaded) -> Path:
    """Make the folder in which stands what was run of the stack, where it is missing."""
    folder = folder_of(invocation.state_folder, loaded)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise RebondError(
            "{path} cannot be made, and without it nobody knows what was run: {reason}.",
            hint="Check the rights and the room there, or set REBOND_STATE_DIR.",
            path=str(folder),
            reason=error.strerror or str(error),
        ) from None
    return folder
