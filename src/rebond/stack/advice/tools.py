"""Programs that the configuration needs: there, new enough, and allowed to this user."""

import contextlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from rebond.config.components import Command, Images
from rebond.errors import SourceUnfit
from rebond.stack.advice.installing import install_command, install_compose
from rebond.stack.advice.lines import replace_words
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.stack.advice.running import list_runs
from rebond.stack.asking import Asked, ask_program
from rebond.stack.client_words import drop_noise
from rebond.stack.whereabouts import find_engine

CHECK = "tools"
DOCKER_AT_LEAST = (24, 0)
COMPOSE_AT_LEAST = (2, 20)
PATIENCE_SECONDS = 5.0
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_OLD_COMPOSE = re.compile(r"(?<![\w/.-])docker-compose(?= )")
_NEW_COMPOSE = re.compile(r"(?<![\w/.-])docker compose(?= )")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeForms:
    """What answers as compose: versions, or ``None`` where that form does not work."""

    plugin: tuple[int, ...] | None
    program: tuple[int, ...] | None


def check_tools(scene: Scene) -> Iterator[Observation]:
    """Yield what is missing, too old or forbidden."""
    engines = find_engines(scene)
    if engines & {"docker", "compose"}:
        yield from _check_docker(scene)
    texts = [text for run in list_runs(scene.configuration) for text in run.words]
    calls_compose = any(_OLD_COMPOSE.search(each) or _NEW_COMPOSE.search(each) for each in texts)
    if "compose" in engines or calls_compose:
        forms = find_compose_forms(scene)
        yield from _check_compose(scene, forms)
        yield from _check_compose_words(scene, forms, texts)
    for engine in ("podman",):
        if engine in engines and not _is_there(scene, engine):
            yield _missing(scene, engine)
    if "kubernetes" in engines:
        yield from _check_kubectl(scene)


def find_engines(scene: Scene) -> set[str]:
    """Return which of compose, docker, podman and kubernetes the configuration needs."""
    engines = {each.inside.engine for each in scene.configuration.component.values() if each.inside}
    engines |= {run.inside.engine for run in list_runs(scene.configuration) if run.inside}
    if any(each.volume or isinstance(each, Images) for each in scene.configuration.component.values()):
        with contextlib.suppress(SourceUnfit):
            engines.add(find_engine(scene.loaded))
        if not engines & {"docker", "podman", "compose"}:
            engines.add("docker")
    if any(getattr(each, "kubernetes", None) for each in scene.configuration.component.values()):
        engines.add("kubernetes")
    return engines


def find_compose_forms(scene: Scene) -> ComposeForms:
    """Ask both forms of compose for their version."""
    return ComposeForms(
        plugin=_version_of(_ask(scene, "docker", "compose", "version")),
        program=_version_of(_ask(scene, "docker-compose", "version")),
    )


def _check_docker(scene: Scene) -> Iterator[Observation]:
    if not _is_there(scene, "docker"):
        if not _is_there(scene, "docker-compose"):
            yield _missing(scene, "docker")
        return
    version = _version_of(_ask(scene, "docker", "--version"))
    if version and version < DOCKER_AT_LEAST:
        yield _too_old(
            scene,
            "docker",
            version,
            DOCKER_AT_LEAST,
            install_command("docker", scene.environment, is_root=scene.is_root),
        )
    engine = _ask(scene, "docker", "info", "--format", "{{.ServerVersion}}")
    if engine.is_good and engine.output.strip():
        yield Observation(
            check=CHECK,
            code="docker",
            weight=Weight.NOTE,
            template="Docker {version} answers.",
            values={"version": engine.output.strip()},
        )
    elif "permission denied" in engine.words.lower():
        yield Observation(
            check=CHECK,
            code="docker-group",
            weight=Weight.FAILURE,
            template="{user} may not use docker: not in the group docker. It counts from the next login on.",
            values={"user": scene.user},
            command=f"sudo usermod --append --groups docker {scene.user}",
        )
    else:
        yield Observation(
            check=CHECK,
            code="docker-stopped",
            weight=Weight.FAILURE,
            template="Docker does not answer: {words}",
            values={"words": _words(engine)},
            command=scene.root_command("systemctl", "start", "docker"),
        )


def _check_compose(scene: Scene, forms: ComposeForms) -> Iterator[Observation]:
    install = install_compose(scene.environment, is_root=scene.is_root)
    if forms.plugin is None and forms.program is None:
        yield Observation(
            check=CHECK,
            code="compose-missing",
            weight=Weight.FAILURE,
            template="Neither 'docker compose' nor 'docker-compose' works here.",
            command=install,
        )
        return
    version = forms.plugin or forms.program or ()
    name = "docker compose" if forms.plugin else "docker-compose"
    if version < COMPOSE_AT_LEAST:
        yield _too_old(scene, name, version, COMPOSE_AT_LEAST, install)
    else:
        yield Observation(
            check=CHECK,
            code="compose",
            weight=Weight.NOTE,
            template="{name} {version} answers.",
            values={"name": name, "version": _say(version)},
        )


def _check_compose_words(scene: Scene, forms: ComposeForms, texts: list[str]) -> Iterator[Observation]:
    """Commands of the configuration that call a form of compose that is not here, while the other is."""
    pairs = (
        (_OLD_COMPOSE, "docker-compose ", forms.program, "docker compose ", forms.plugin),
        (_NEW_COMPOSE, "docker compose ", forms.plugin, "docker-compose ", forms.program),
    )
    for pattern, called, own, instead, other in pairs:
        if own is None and other is not None and any(pattern.search(each) for each in texts):
            yield Observation(
                check=CHECK,
                code="compose-form",
                weight=Weight.FAILURE,
                template="Commands of the configuration call '{called}', which does not work here; '{instead}' does.",
                values={"called": called.strip(), "instead": instead.strip()},
                command=replace_words(str(scene.path), called, instead),
            )


def _check_kubectl(scene: Scene) -> Iterator[Observation]:
    if not _is_there(scene, "kubectl"):
        yield _missing(scene, "kubectl")
        return
    cluster = scene.configuration.stack.kubernetes
    words: list[str] = []
    if cluster and isinstance(cluster.context, str):
        words += ["--context", cluster.context]
    if cluster and isinstance(cluster.namespace, str):
        words += ["--namespace", cluster.namespace]
    asked = _ask(scene, "kubectl", *words, "auth", "can-i", "create", "pods/exec")
    if asked.is_good:
        return
    is_answer = asked.output.strip().startswith("no")
    grant = scene.command(
        "kubectl", *words, "create", "rolebinding", "rebond", "--clusterrole=edit", f"--user={scene.user}"
    )
    yield Observation(
        check=CHECK,
        code="kubernetes-right" if is_answer else "kubernetes-unreachable",
        weight=Weight.FAILURE,
        template="kubectl may not run commands in pods here: 'pods/exec' is not allowed."
        if is_answer
        else "The Kubernetes cluster does not answer: {words}",
        values={} if is_answer else {"words": _words(asked)},
        command=grant
        if is_answer
        else scene.command("kubectl", "config", "use-context", words[1] if words[:1] == ["--context"] else "NAME"),
    )


def check_programs(scene: Scene) -> Iterator[Observation]:
    """Yield every program that a command of the configuration begins with and that is not on this machine."""
    told = set()
    for run in list_runs(scene.configuration):
        program = run.program
        if run.inside or not program or program in told or _OLD_COMPOSE.match(f"{program} "):
            continue
        path = scene.loaded.variables.get("PATH")
        place = scene.loaded.root / program if "/" in program else None
        if (place and place.is_file()) or (place is None and shutil.which(program, path=path)):
            if place and not shutil.which(str(place), path=""):
                told.add(program)
                yield Observation(
                    check=CHECK,
                    code="program-not-executable",
                    weight=Weight.FAILURE,
                    template="{program}, which {user_of} runs, cannot be executed.",
                    values={"program": program, "user_of": run.place},
                    command=scene.command("chmod", "u+x", place),
                )
            continue
        told.add(program)
        is_component = isinstance(scene.configuration.component.get(run.place.partition(".")[2]), Command)
        yield Observation(
            check=CHECK,
            code="program-missing",
            weight=Weight.FAILURE if is_component else Weight.WARNING,
            template="{program}, which {user_of} runs, is not on this machine.",
            values={"program": program, "user_of": run.place},
            command=f"${{EDITOR:-vi}} {scene.command(place)}"
            if place
            else install_command(program, scene.environment, is_root=scene.is_root),
        )


def _missing(scene: Scene, program: str) -> Observation:
    return Observation(
        check=CHECK,
        code="program-missing",
        weight=Weight.FAILURE,
        template="{program} is not on this machine, and the configuration needs it.",
        values={"program": program},
        command=install_command(program, scene.environment, is_root=scene.is_root),
    )


def _too_old(scene: Scene, name: str, found: tuple[int, ...], wanted: tuple[int, ...], command: str) -> Observation:
    del scene
    return Observation(
        check=CHECK,
        code="program-old",
        weight=Weight.WARNING,
        template="{name} {found} is older than {wanted}.",
        values={"name": name, "found": _say(found), "wanted": _say(wanted)},
        command=command,
    )


def _is_there(scene: Scene, program: str) -> bool:
    return shutil.which(program, path=scene.environment.get("PATH")) is not None


def _ask(scene: Scene, *words: str) -> Asked:
    return ask_program(words, environment=scene.loaded.variables, timeout_seconds=PATIENCE_SECONDS)


def _version_of(asked: Asked) -> tuple[int, ...] | None:
    found = _VERSION.search(asked.output) if asked.is_good else None
    return tuple(int(each) for each in found.groups(default="0")) if found else None


def _say(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _words(asked: Asked) -> str:
    return (
        f"no answer within {PATIENCE_SECONDS:.0f} s"
        if asked.took_too_long
        else drop_noise(asked.words) or asked.output.strip() or "–"
    )
