"""Whether a working tree is clean and pushed, and which commit it is at."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from rebond.errors import CommandFailed
from rebond.findings import Finding, Severity

Ask = Callable[[Sequence[str]], bytes]
"""Runs git with these arguments in the working tree and returns what it says. Raises ``SourceError``."""

GIT = (
    "git",
    "--no-optional-locks",  # nobody's index is locked by a look at it
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.quotePath=false",
)
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingTree:
    """What is known of it. ``changes`` are paths that no commit has; ``address`` holds no password."""

    commit: str
    branch: str
    remote: str
    address: str
    is_pushed: bool
    changes: tuple[str, ...]

    def write(self, path: str) -> bytes:
        """Return the document that goes into the snapshot."""
        known = asdict(self) | {"path": path, "changes": list(self.changes), "comes_back_by": self._describe_return()}
        return json.dumps(known, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"

    def _describe_return(self) -> str:
        return f"git clone {self.address} && git checkout {self.commit}" if self.address else ""


def look_at_working_tree(ask: Ask, remote: str) -> WorkingTree:
    """Ask git. Nothing is fetched: pushed is what this machine knows to be pushed. Raises ``SourceError``."""
    commit = _line(ask(["rev-parse", "--verify", "HEAD"]))
    status = ask(["status", "--porcelain=v1", "-z", "--untracked-files=normal"])
    refs = ask(["for-each-ref", f"--contains={commit}", "--format=%(refname)", f"refs/remotes/{remote}/"])
    return WorkingTree(
        commit=commit,
        branch=_ask_or_nothing(ask, ["symbolic-ref", "--quiet", "--short", "HEAD"]),
        remote=remote,
        address=hide_password(_ask_or_nothing(ask, ["remote", "get-url", remote])),
        is_pushed=bool(refs.strip()),
        changes=tuple(_read_changes(status)),
    )


def judge_working_tree(tree: WorkingTree, component: str, path: str, report: Callable[[Finding], None]) -> None:
    """Report a warning for what a clone would not bring back."""
    if tree.changes:
        report(
            Finding(
                code="not-committed",
                severity=Severity.WARNING,
                subject=component,
                template="{path} is not clean, so Git does not have all of it: {count} changes ({names}).",
                hint_template="Commit them, or save the directory as a component of the kind files.",
                values={"path": path, "count": len(tree.changes), "names": ", ".join(tree.changes[:_SHOWN])},
            )
        )
    if not tree.is_pushed:
        report(
            Finding(
                code="not-pushed",
                severity=Severity.WARNING,
                subject=component,
                template="The commit {commit} of {path} is not known to be on {remote}.",
                hint_template="Push it: git -C {path} push {remote}",
                values={"commit": tree.commit[:12], "path": path, "remote": tree.remote},
            )
        )


def hide_password(address: str) -> str:
    """Return an address of a remote without passwords; of one by HTTP also without the user, who may be a token."""
    address = re.sub(r"^(https?://)[^/@]*@", r"\1", address)
    return re.sub(r"^([a-z+]+://[^/@:]*):[^/@]*@", r"\1@", address)


def _line(output: bytes) -> str:
    return output.decode(errors="backslashreplace").strip()


def _ask_or_nothing(ask: Ask, words: Sequence[str]) -> str:
    try:
        return _line(ask(words))
    except CommandFailed:
        return ""  # a detached HEAD has no branch, and there may be no such remote: both are judged by what follows


def _read_changes(status: bytes) -> list[str]:
    """Return the paths of ``git status --porcelain=v1 -z``; of what was renamed, the new one."""
    found, fields = [], iter(status.split(b"\0"))
    for field in fields:
        if len(field) > 3:
            found.append(field[3:].decode(errors="backslashreplace"))
            if field[:1] in {b"R", b"C"}:
                next(fields, None)
    return found
