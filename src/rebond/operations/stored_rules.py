"""The rules of a walk, kept in its snapshot: who asks later is answered by all of them."""

from rebond.sources.files.excluding import Rules
from rebond.sources.files.paths import show_path
from rebond.sources.files.patterns import parse_pattern
from rebond.vault.snapshots import StoredRules


def store_rules(rules: Rules, *, one_file_system: bool) -> StoredRules:
    """Return what a snapshot keeps of the rules that were given for it; files in the tree keep their own."""
    return StoredRules(
        patterns=[
            (each.text, show_path(each.origin.encode(errors="surrogateescape")), each.line) for each in rules.patterns
        ],
        markers=sorted(rules.markers),
        larger_than=rules.larger_than_bytes,
        gitignore=rules.reads_gitignore,
        one_file_system=one_file_system,
    )


def read_rules(stored: StoredRules) -> Rules:
    """Return the rules as they were given."""
    parsed = (parse_pattern(text, origin=origin, line=line) for text, origin, line in stored.patterns)
    return Rules(
        patterns=[each for each in parsed if each is not None],
        markers=stored.markers,
        reads_gitignore=stored.gitignore,
        larger_than_bytes=stored.larger_than,
    )
