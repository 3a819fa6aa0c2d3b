"""Secrets of Kubernetes by ``kubectl``: each as a manifest that ``kubectl apply -f`` takes, in one canonical form."""

import calendar
import fnmatch
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rebond.errors import CommandFailed, SourceUnfit
from rebond.sources.documents.tree import Document

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_KEPT_METADATA = ("name", "namespace", "labels", "annotations")  # the rest is of one cluster, or of one moment
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"  # a second copy of the data
_KEPT = ("type", "immutable", "data")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterQuestion:
    """Which Secrets are wanted. Empty means: the client's own context and namespace, all names, no selector."""

    context: str = ""
    namespace: str = ""
    names: tuple[str, ...] = ()
    selector: str = ""
    omit_types: tuple[str, ...] = ()


def build_question(question: ClusterQuestion) -> tuple[str, ...]:
    """Return the command whose answer ``read_secrets`` takes."""
    words = ["kubectl"]
    if question.context:
        words += ["--context", question.context]
    if question.namespace:
        words += ["--namespace", question.namespace]
    words += ["get", "secrets", "--output", "json"]
    if question.selector:
        words += ["--selector", question.selector]
    return tuple(words)


def read_secrets(answer: bytes, question: ClusterQuestion) -> dict[bytes, Document]:
    """Return the manifests by NAMESPACE/NAME.json. An unchanged Secret is the same bytes again.

    Raises ``CommandFailed`` when the answer is cut or no list of Secrets, ``SourceUnfit`` when none fits, or when a
    name without ``*`` is not there.
    """
    found: dict[bytes, Document] = {}
    seen: list[str] = []
    for item in _list_items(answer):
        name, kind = str(item["metadata"]["name"]), str(item.get("type", ""))
        if kind in question.omit_types or not _is_wanted(name, question.names):
            continue
        seen.append(name)
        namespace = str(item["metadata"].get("namespace", "default"))
        if not _NAME.fullmatch(name) or not _NAME.fullmatch(namespace):
            raise _bad_answer()
        found[f"{namespace}/{name}.json".encode()] = Document(
            content=_write_manifest(item), modified_ns=_read_time(item["metadata"].get("creationTimestamp"))
        )
    _require_all(seen, question.names)
    return found


def _list_items(answer: bytes) -> Sequence[dict[str, Any]]:
    try:
        document = json.loads(answer)
        items = document["items"]
        if not all(each.get("kind", "Secret") == "Secret" and each["metadata"]["name"] for each in items):
            raise _bad_answer()
    except (ValueError, LookupError, TypeError, AttributeError):
        raise _bad_answer() from None  # what it said is a secret, or half of one
    return list(items)


def _bad_answer() -> CommandFailed:
    return CommandFailed(
        "The answer of kubectl was cut, or is no list of Secrets.",
        hint="Run the backup again. If that happens each time, try: kubectl get secrets --output json",
    )


def _is_wanted(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(name, each) for each in patterns)


def _require_all(seen: Sequence[str], patterns: Sequence[str]) -> None:
    missing = [each for each in patterns if not any(sign in each for sign in "*?[") and each not in seen]
    if missing or not seen:
        raise SourceUnfit(
            "The cluster has no Secret that fits {names}.",
            hint="Check context, namespace, names and selector, and what this account may list.",
            names=", ".join(missing) or ", ".join(patterns) or "*",
        )


def _write_manifest(item: dict[str, Any]) -> bytes:
    metadata = {key: item["metadata"][key] for key in _KEPT_METADATA if item["metadata"].get(key)}
    notes = {key: text for key, text in metadata.get("annotations", {}).items() if key != _LAST_APPLIED}
    metadata.pop("annotations", None)
    if notes:
        metadata["annotations"] = notes
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    manifest |= {key: item[key] for key in _KEPT if item.get(key) is not None}
    return json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _read_time(text: object) -> int:
    try:
        return calendar.timegm(time.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ")) * 1_000_000_000
    except ValueError:
        return 0
