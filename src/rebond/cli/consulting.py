"""From the command line to an examination and back: the scene, the vaults with their keys, the words."""

import getpass
import os
import pwd
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from rebond.cli.configured import MAIN, VaultPlace, describe_problem, judge_configuration, list_places, resolver_of
from rebond.cli.invocation import Invocation
from rebond.cli.key_at_hand import find_key
from rebond.cli.opening import store_at_hand
from rebond.cli.speech import language, message_of, show_path, tr
from rebond.cli.vault_found import Configured
from rebond.clock import SystemClock
from rebond.config.loading import Verdict
from rebond.config.places import Node
from rebond.errors import RebondError, UsageError
from rebond.findings import Finding, Severity
from rebond.language import translate
from rebond.operations.examining import examine_vault
from rebond.secret import Secret
from rebond.stack.advice.clocks import compare_clocks
from rebond.stack.advice.examining import ORDER, Examination, examine
from rebond.stack.advice.lines import open_editor
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.stack.advice.vault_reports import VaultReport
from rebond.stack.advice.vaults import describe_obstacle, describe_vault
from rebond.stack.asking import ask_program
from rebond.stack.recording import StackRecord, gather_record, write_record
from rebond.store.proving import ProvenPromise
from rebond.units import format_span
from rebond.vault.access import Vault
from rebond.vault.opening import open_vault
from rebond.vault.pins import Pins
from rebond.wording import fill

_FIX_SECONDS = 60.0
_SAID_ELSEWHERE = {"pins-not-kept", "cache-unwritable"}  # by the check of permissions


class Fixed(Struct, frozen=True, kw_only=True):
    """A command that was run, and how it ended."""

    command: str
    is_good: bool
    words: str


class Consultation:
    """One run of the doctor."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._clock = SystemClock()
        self._scene: Scene | None = None

    def examine(self) -> Examination:
        """Look at everything; without a usable configuration only at that."""
        began = self._clock.monotonic()
        try:
            verdict = judge_configuration(self._invocation)
        except UsageError as error:
            return self._only(_no_configuration(error), began)
        if verdict.loaded is None:
            return self._only(tuple(_list_errors(verdict)), began)
        scene = Scene(
            path=verdict.path.absolute(),
            loaded=verdict.loaded,
            problems=verdict.problems,
            environment=self._invocation.environment,
            clock=self._clock,
            state_folder=self._invocation.state_folder,
            cache_folder=self._invocation.cache_folder,
            user=_user_name(),
            uid=os.geteuid(),
        )
        self._scene = scene
        return examine(scene, lambda: self._examine_vaults(scene))

    @property
    def has_configuration(self) -> bool:
        """Whether there is one that can be used; asked after an examination."""
        return self._scene is not None

    def say(self, observation: Observation) -> str:
        """Return what was seen, in the reader's language."""
        return _message(observation)

    def fix(self, examination: Examination) -> list[Fixed]:
        """Run the safe commands, in their order."""
        return [self._run(each.command) for each in examination.to_mend if each.is_safe and each.command]

    def record(self) -> Path | None:
        """Write down what the stack is now; ``None`` without a usable configuration."""
        if self._scene is None:
            return None
        found: StackRecord = gather_record(self._scene)
        return write_record(self._invocation.state_folder, found)

    def describe(self, examination: Examination, done: Sequence[Fixed], recorded: Path | None) -> str:
        """Return everything as text."""
        lines = [_describe_fixed(each) for each in done]
        for check in ORDER:
            seen = [each for each in examination.observations if each.check == check]
            lines += [_describe(each) for each in sorted(seen, key=lambda each: each.weight is not Weight.NOTE)]
        if recorded:
            lines.append(tr("Recorded in {path}.", path=show_path(str(recorded))))
        lines.append(_conclude(examination))
        return "\n".join(lines)

    def document(self, examination: Examination, done: Sequence[Fixed], recorded: Path | None) -> dict[str, object]:
        """Return everything for machines; ``docs/reference/json.md`` lists it."""
        return {
            "ok": examination.is_good,
            "seconds": round(examination.seconds, 3),
            "findings": [
                {
                    "check": each.check,
                    "code": each.code,
                    "weight": each.weight.value,
                    "message": _message(each),
                    "command": each.command or None,
                    "safe": each.is_safe,
                }
                for each in examination.observations
            ],
            "fixed": [{"command": each.command, "ok": each.is_good, "words": each.words} for each in done],
            "recorded": str(recorded) if recorded else None,
        }

    def _only(self, observations: tuple[Observation, ...], began: float) -> Examination:
        return Examination(observations=observations, seconds=self._clock.monotonic() - began)

    def _run(self, command: str) -> Fixed:
        asked = ask_program(
            ("/bin/sh", "-c", command), environment=self._invocation.environment, timeout_seconds=_FIX_SECONDS
        )
        return Fixed(command=command, is_good=asked.is_good, words=asked.words)

    def _examine_vaults(self, scene: Scene) -> VaultReport:
        try:
            places = list_places(scene.loaded)
        except RebondError as error:
            return VaultReport(observations=(_unresolved(scene, error),))
        named = self._invocation.named_vault
        if not places and named:
            places = [VaultPlace(name=MAIN, address=named, key=None, passphrase=None)]
        if not places:
            return VaultReport(observations=(_no_vault(scene),))
        observations: list[Observation] = []
        report = VaultReport()
        for place in places:
            found = self._examine_place(scene, place)
            observations += found.observations
            if place.name == places[0].name:
                report = found
        return VaultReport(
            observations=tuple(observations),
            directory=report.directory,
            expected_new_bytes=report.expected_new_bytes,
            restored_bytes=report.restored_bytes,
        )

    def _examine_place(self, scene: Scene, place: VaultPlace) -> VaultReport:
        directory = Path(place.address) if "://" not in place.address else None
        notes: list[Observation] = []

        def hear(finding: Finding) -> None:
            if finding.code not in _SAID_ELSEWHERE:
                notes.append(_heard(finding))

        try:
            with store_at_hand(self._invocation, place.address) as store:
                key = find_key(self._invocation, _configured(scene, place))
                location = store.location
                opened = open_vault(store, key, pins=Pins(scene.state_folder / "vaults"), notice=hear)
                live = Vault(
                    store=store,
                    credentials=opened.credentials,
                    roster=opened.roster,
                    caches=scene.cache_folder / "vaults",
                    report=hear,
                )
                examined = examine_vault(live, stack=scene.configuration.stack.name, clock=self._clock)
        except RebondError as error:
            obstacle = describe_obstacle(scene, place.name, place.address, place.key, error, is_main=place.name == MAIN)
            return VaultReport(observations=(*notes, obstacle), directory=directory)
        offset_ms = examined.proof.clock_offset_ms if examined.proof else None
        return VaultReport(
            observations=(
                *notes,
                *describe_vault(scene, location, examined),
                *compare_clocks(scene, store_offset_ms=offset_ms, newest_ms=examined.newest_ms),
            ),
            directory=directory,
            expected_new_bytes=examined.expected_new_bytes,
            restored_bytes=examined.restored_bytes,
        )


def _configured(scene: Scene, place: VaultPlace) -> Configured:
    resolver = resolver_of(scene.loaded)

    def find_key_file() -> Secret | None:
        return resolver.resolve_whole(place.key) if place.key is not None else None

    def find_passphrase() -> Secret | None:
        return resolver.resolve(place.passphrase) if place.passphrase is not None else None

    return Configured(address=place.address, place=place.name, find_key=find_key_file, find_passphrase=find_passphrase)


def _no_configuration(error: UsageError) -> tuple[Observation, ...]:
    return (
        Observation(
            check="configuration",
            code=error.code,
            weight=Weight.FAILURE,
            template="{reason}",
            values={"reason": error},
            command="rebond init",
        ),
    )


def _list_errors(verdict: Verdict) -> Iterator[Observation]:
    for problem in verdict.problems:
        if not problem.is_warning:
            yield Observation(
                check="configuration",
                code=problem.error.code,
                weight=Weight.FAILURE,
                template="{problem}",
                values={"problem": describe_problem(problem)},
                command=open_editor(Node(value="", place=problem.place, path="")),
            )


def _no_vault(scene: Scene) -> Observation:
    place = f"/var/lib/rebond/{scene.configuration.stack.name}" if scene.is_root else "~/rebond-vault"
    return Observation(
        check="vault",
        code="no-vault",
        weight=Weight.FAILURE,
        template="The configuration names no vault.",
        command=f"printf '\\n[vault]\\nurl = \"%s\"\\n' {place} >> {scene.command(scene.path)} && rebond vault create",
    )


def _unresolved(scene: Scene, error: RebondError) -> Observation:
    return Observation(
        check="vault",
        code=error.code,
        weight=Weight.FAILURE,
        template="The address of a vault cannot be looked up: {reason}",
        values={"reason": error},
        command=f"${{EDITOR:-vi}} {scene.command(scene.path)}",
    )


def _heard(finding: Finding) -> Observation:
    return Observation(
        check="vault",
        code=finding.code,
        weight=Weight.NOTE if finding.severity is Severity.NOTE else Weight.WARNING,
        template="{message}",
        values={"message": message_of(finding)},
        command="" if finding.severity is Severity.NOTE else "rebond verify --repair",
    )


def _message(observation: Observation) -> str:
    values = {name: _say(name, each) for name, each in observation.values.items()}
    return fill(translate(observation.template, language()), values)


def _say(name: str, value: object) -> object:
    if isinstance(value, RebondError):
        return message_of(value)
    if isinstance(value, ProvenPromise):
        return fill(translate(value.template, language()), dict(value.values))
    return show_path(value) if isinstance(value, str) and name != "problem" else value


def _describe(observation: Observation) -> str:
    word = {Weight.NOTE: tr("note"), Weight.WARNING: tr("warning"), Weight.FAILURE: tr("failure")}[observation.weight]
    command = f"\n  $ {observation.command}" if observation.command else ""
    return f"{word}: {_message(observation)}{command}"


def _describe_fixed(fixed: Fixed) -> str:
    if fixed.is_good:
        return tr("done: {command}", command=fixed.command)
    return tr("not done: {command}: {words}", command=fixed.command, words=show_path(fixed.words))


def _conclude(examination: Examination) -> str:
    span = format_span(examination.seconds)
    if examination.is_good:
        return tr("Nothing is to be mended. Looked for {span}.", span=span)
    safe = sum(each.is_safe for each in examination.to_mend)
    text = tr(
        "To be mended: {count}; the lines that begin with $ do it. Looked for {span}.",
        count=len(examination.to_mend),
        span=span,
    )
    return f"{text} {tr('--fix runs those that are safe: {count}.', count=safe)}" if safe else text


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return getpass.getuser()
