"""From the command line to an examination and back: the scene, the findings, the words."""

import getpass
import os
import pwd
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from rebond.cli.checks.vaults_examined import examine_vaults
from rebond.cli.configuration.at_hand import describe_problem, judge_configuration
from rebond.cli.invocation import Invocation
from rebond.cli.output.speech import label, language, message_of, show_path, tr
from rebond.clock import SystemClock
from rebond.config.loading import Verdict
from rebond.config.places import Node
from rebond.errors import RebondError, UsageError
from rebond.language import translate, translate_values
from rebond.stack.advice.examining import ORDER, Examination, examine
from rebond.stack.advice.lines import open_editor
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.stack.asking import ask_program
from rebond.stack.recording import StackRecord, gather_record, write_record
from rebond.store.proving import ProvenPromise
from rebond.units import format_span
from rebond.wording import fill

_FIX_SECONDS = 60.0


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
        return examine(scene, lambda: examine_vaults(self._invocation, scene))

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


def _message(observation: Observation) -> str:
    values = {name: _say(name, each) for name, each in observation.values.items()}
    return fill(translate(observation.template, language()), translate_values(values, language()))


def _say(name: str, value: object) -> object:
    if isinstance(value, RebondError):
        return message_of(value)
    if isinstance(value, ProvenPromise):
        return fill(translate(value.template, language()), dict(value.values))
    return show_path(value) if isinstance(value, str) and name != "problem" else value


def _describe(observation: Observation) -> str:
    word = {Weight.NOTE: tr("note"), Weight.WARNING: tr("warning"), Weight.FAILURE: tr("failure")}[observation.weight]
    command = f"\n  $ {observation.command}" if observation.command else ""
    return f"{label(word, _message(observation))}{command}"


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
