"""Kubernetes: whether the directory holds manifests, and which cluster ``kubectl`` would talk to."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rebond.stack.asking import ask_program

_FOLDERS = ("k8s", "kubernetes", "kube", "deploy", "manifests", "infrastructure/k8s", "infra/k8s", "infra/kubernetes")
_MANIFEST = re.compile(r"^kind:\s*(Deployment|StatefulSet|DaemonSet|Kustomization|SealedSecret)\b", re.MULTILINE)
_MOST_FILES = 200
_HEAD_BYTES = 20_000
_PATIENCE_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFound:
    """A context of ``kubectl``. ``has_manifests`` says whether the directory speaks of Kubernetes itself."""

    context: str
    namespace: str
    has_manifests: bool


def find_cluster(directory: Path, environment: Mapping[str, str]) -> ClusterFound | None:
    """Return the current context; ``None`` without ``kubectl`` or without a context. No cluster is asked."""
    answer = ask_program(
        ("kubectl", "config", "view", "--minify", "--output", "json"),
        environment=environment,
        timeout_seconds=_PATIENCE_SECONDS,
    )
    if not answer.is_good:
        return None
    try:
        document = json.loads(answer.output)
        context = str(document["current-context"])
        inner = next((each.get("context") or {} for each in document.get("contexts") or []), {})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return ClusterFound(
        context=context,
        namespace=str(inner.get("namespace") or "default"),
        has_manifests=has_manifests(directory),
    )


def has_manifests(directory: Path) -> bool:
    """Say whether a directory describes something that runs in Kubernetes."""
    count = 0
    for name in _FOLDERS:
        for folder, _, files in os.walk(directory / name):
            for each in sorted(files):
                if each.endswith((".yaml", ".yml")):
                    count += 1
                    if _is_manifest(Path(folder) / each):
                        return True
                    if count >= _MOST_FILES:
                        return False
    return os.path.isfile(directory / "Chart.yaml")


def _is_manifest(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return bool(_MANIFEST.search(file.read(_HEAD_BYTES)))
    except OSError:
        return False
