"""Every command that a configuration names, with where it stands."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from rebond.config.components import Command, Regenerable
from rebond.config.model import Configuration
from rebond.config.quantities import Inside
from rebond.config.steps import Probe, Run

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SHELL_WORDS = frozenset(
    "cd set export exec test [ : true false if for while case until { ( ! . source echo printf read umask ulimit unset "
    "eval trap wait command local then do".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRun:
    """A command. ``place`` is where it stands, such as ``hooks.before``; ``inside`` where it runs."""

    place: str
    run: Run
    inside: Inside | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The texts of it: one for a shell, or a program and its arguments joined."""
        return (self.run,) if isinstance(self.run, str) else (" ".join(self.run),)

    @property
    def program(self) -> str:
        """The program that it begins with; empty where a shell's own word, or a variable, comes first."""
        if not isinstance(self.run, str):
            return self.run[0]
        try:
            words = shlex.split(self.run.replace("\n", " ; "), comments=True)
        except ValueError:
            return ""
        first = next((each for each in words if not _ASSIGNMENT.match(each)), "")
        return "" if first in _SHELL_WORDS or not re.fullmatch(r"[\w./+-]+", first) else first


def list_runs(configuration: Configuration) -> Iterator[NamedRun]:
    """Yield the commands of components, hooks and the steps of a restore."""
    for name, component in configuration.component.items():
        if isinstance(component, Command):
            for each in (component.run, component.length):
                if each:
                    yield NamedRun(place=f"component.{name}", run=each, inside=component.inside)
        if isinstance(component, Regenerable):
            yield NamedRun(place=f"component.{name}", run=component.run, inside=component.inside)
        if component.restart:
            yield NamedRun(place=f"component.{name}", run=component.restart)
    hooks, restore = configuration.hooks, configuration.restore
    for moment, steps in (("before", hooks.before), ("after", hooks.after)) if hooks else ():
        for step in steps:
            yield NamedRun(place=f"hooks.{moment}", run=step.run, inside=step.inside)
    if restore:
        stages = {"isolate": restore.isolate, "stop": restore.stop, "rebuild": restore.rebuild, "start": restore.start}
        for stage, steps in stages.items():
            for step in steps:
                yield NamedRun(place=f"restore.{stage}", run=step.run, inside=step.inside)
        for probe in restore.healthy:
            yield from _of_probe(probe)


def _of_probe(probe: Probe) -> Iterator[NamedRun]:
    if probe.run:
        yield NamedRun(place="restore.healthy", run=probe.run, inside=probe.inside)
