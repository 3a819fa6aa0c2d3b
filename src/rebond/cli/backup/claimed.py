"""What ``rebond explain`` says of a path that a component saves in another way than by a walk of files."""

import os
from collections.abc import Sequence

from rebond.cli.backup.explained import holders_document, rule_document, say_holders, say_left_out
from rebond.cli.configuration.at_hand import MAIN, judge_configuration
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import answer, note
from rebond.cli.output.speech import show_path, tr
from rebond.cli.output.watching import watching
from rebond.cli.vaults.opening import vault_at_hand
from rebond.cli.vaults.others import enter_place
from rebond.config.components import Files
from rebond.errors import RebondError, RoleTooSmall, UnknownName
from rebond.operations.browsing import descend, root_of
from rebond.operations.snapshots import SnapshotFilter, list_snapshots
from rebond.stack.claims import Claim, find_claims
from rebond.stack.file_trees import ConfiguredFiles
from rebond.stack.strategies import choose_strategy
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord


def explain_claimed(invocation: Invocation, path: str) -> bool:
    """Answer for secrets, databases of SQLite and files in containers; ``False`` for every other path."""
    try:
        loaded = judge_configuration(invocation).loaded
    except RebondError:
        return False  # a configuration that merely lies around; the vault still knows
    claims = find_claims(loaded, path) if loaded else []
    claim = next((each for each in claims if each.rule is None), claims[0] if claims else None)
    if loaded is None or claim is None:
        return False
    vault_name = loaded.configuration.component[claim.component].vault or MAIN
    holders = _find_holders(invocation if vault_name == MAIN else enter_place(invocation, vault_name), claim)
    _show(invocation, path, claim, vault_name, holders)
    return True


def find_walks(invocation: Invocation, wanted: bytes) -> list[ConfiguredFiles] | None:
    """Return what walks the files around a path by the configuration; ``None`` where none can be used."""
    try:
        loaded = judge_configuration(invocation).loaded
    except RebondError:
        return None
    if loaded is None:
        return None
    found = []
    for name, component in loaded.configuration.component.items():
        if isinstance(component, Files) and component.inside is None and component.volume is None:
            strategy = choose_strategy(component, None)
            walk = ConfiguredFiles(name, component, stack_root=loaded.root, strategy=strategy)
            if wanted == walk.root or wanted.startswith(walk.root.rstrip(b"/") + b"/"):
                found.append(walk)
    return found


def _find_holders(invocation: Invocation, claim: Claim) -> list[SnapshotRecord]:
    """Return the snapshots that hold the path, oldest first; a key that cannot look into them is told."""
    holders = []
    with watching(invocation) as watcher, vault_at_hand(invocation, watcher.noticed) as vault:
        try:
            for record in list_snapshots(vault.live, SnapshotFilter(component=claim.component)):
                with SnapshotReader(vault.live, record) as reader:
                    found = next((each for each in reader.components if each.name == claim.component), None)
                    try:
                        if found is not None:
                            descend(reader, root_of(found), claim.below)
                            holders.append(record)
                    except UnknownName:
                        continue
        except RoleTooSmall:
            note(invocation, tr("This key cannot look into snapshots; only rules are explained."))
    return holders


def _show(invocation: Invocation, path: str, claim: Claim, vault_name: str, holders: Sequence[SnapshotRecord]) -> None:
    rule, is_here = claim.rule, not claim.place
    document = {
        "path": os.path.abspath(os.path.expanduser(path)) if is_here else path,
        "exists": os.path.lexists(os.path.expanduser(path)) if is_here else None,
        "saved": rule is None,
        "component": claim.component,
        "rule": rule_document(rule),
        "decided_at": os.fsdecode(claim.below),
        "snapshots": holders_document(holders),
        "until": None,
    }
    shown = show_path(path)
    values = {"path": shown, "component": claim.component, "kind": claim.kind}
    if rule is not None:
        lines = [say_left_out(shown, rule, claim.below)]
    elif claim.place:
        text = tr("{path} is saved by the component {component} ({kind}), out of {place}.", place=claim.place, **values)
        lines = [text]
    else:
        lines = [tr("{path} is saved by the component {component} ({kind}).", **values)]
    lines.append(say_holders(holders))
    if vault_name != MAIN:
        lines.append(tr("They are in the vault {vault}: --vault says where.", vault=vault_name))
    answer(invocation, document, "\n".join(lines))
