"""Tags that a rule keeps and no snapshot has: most often they are misspelt, and what was to stay would go."""

from collections.abc import Collection, Iterator, Sequence

from msgspec.structs import replace

from rebond.cli.keeping.rules import Shares
from rebond.config.places import find_nearest
from rebond.errors import Refused
from rebond.findings import Finding, Severity
from rebond.vault.retention import Candidate, KeepPolicy
from rebond.wording import Phrase

_SHOWN = 10  # tags


def find_idle_tags(shares: Shares, *, is_typed: bool) -> Iterator[Finding]:
    """Yield each tag that keeps nothing.

    It is a warning where it was typed for this run, or is all that its rule keeps; a rule of the configuration that
    keeps more may well wait for its first snapshot with the tag.
    """
    for policy, candidates in shares:
        tags = _tags_of(candidates)
        is_all = _keeps_by_tags_alone(policy) and not policy.tags & tags
        severity = Severity.WARNING if is_typed or is_all else Severity.NOTE
        for tag in sorted(policy.tags - tags) if candidates else ():
            yield _idle(tag, tags, severity)


def require_some_tag(policy: KeepPolicy, candidates: Sequence[Candidate]) -> None:
    """Raise ``Refused`` where tags are all that is kept by, and no snapshot has one of them."""
    if not candidates or not _keeps_by_tags_alone(policy) or policy.tags & _tags_of(candidates):
        return
    raise Refused(
        "Nothing was forgotten: --keep-tag is the only rule, and no snapshot has the tag {tags}.",
        hint="'rebond snapshots --json' shows the tags. If all but the last whole ones are meant to go: --keep-last 1.",
        tags=", ".join(sorted(policy.tags)),
    )


def _tags_of(candidates: Sequence[Candidate]) -> frozenset[str]:
    return frozenset(tag for candidate in candidates for tag in candidate.tags)


def _keeps_by_tags_alone(policy: KeepPolicy) -> bool:
    return bool(policy.tags) and replace(policy, tags=frozenset()).keeps_nothing


def _idle(tag: str, tags: Collection[str], severity: Severity) -> Finding:
    nearest = find_nearest(tag, sorted(tags))
    if nearest:
        hint = Phrase("Did you mean '{nearest}'?")
    elif tags:
        hint = Phrase("Snapshots here have the tags {tags}.")
    else:
        hint = Phrase("No snapshot here has a tag.")
    shown = sorted(tags)
    return Finding(
        code="tag-idle",
        severity=severity,
        subject=tag,
        template="No snapshot has the tag {tag}: that rule keeps nothing.",
        hint_template=hint,
        values={
            "tag": tag,
            "nearest": nearest,
            "tags": ", ".join(shown[:_SHOWN]) + (", …" if len(shown) > _SHOWN else ""),
        },
    )
