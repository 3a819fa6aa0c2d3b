"""The server is gone: from nothing but the vault's address and the recovery kit, in surroundings of its own.

No configuration, no cache, no pin, no key file of this machine is used; only what opens the vault is handed over.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec.structs import replace

from rebond.cli.configuration.vault_found import Configured
from rebond.cli.drills.drilling import DrillWish, run_drill
from rebond.cli.invocation import Invocation
from rebond.cli.vaults.key_at_hand import find_key
from rebond.cli.vaults.opening import VaultAtHand
from rebond.cli.vaults.others import open_live
from rebond.cli.witness import Watcher
from rebond.clock import SystemClock
from rebond.config.components import Files
from rebond.config.loading import load_configuration
from rebond.config.model import Loaded
from rebond.errors import UnknownName
from rebond.operations.drills.outcomes import Answer, Check
from rebond.operations.physical.targets import LATEST, Target
from rebond.operations.snapshots import list_snapshots
from rebond.operations.stored_configuration import read_stored_configuration
from rebond.stack.drills.evidence import Evidence
from rebond.stack.drills.place import DrillPlace
from rebond.vault.access import Vault
from rebond.vault.reading import SnapshotReader
from rebond.vault.snapshots import SnapshotRecord

_OPENS = ("REBOND_PASSPHRASE", "REBOND_PASSPHRASE_FILE", "REBOND_PASSPHRASE_COMMAND", "REBOND_KEY_FILE")
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TERM", "REBOND_LANG", "REBOND_POSTGRES")
_BARE = "bare"


def drill_lost_server(
    invocation: Invocation,
    vault: VaultAtHand,
    record: SnapshotRecord,
    watcher: Watcher,
    *,
    is_newest: bool,
    target: Target = LATEST,
) -> Evidence:
    """Open the vault as a bare machine would, take the configuration out of the snapshot, bring everything back.

    Databases with a log come back to ``target``: as ``recover`` does it, to the newest moment unless one is named.
    """
    clock = SystemClock()
    with DrillPlace(invocation.state_folder, invocation.environment, clock) as place:
        bare = _make_bare(invocation, place.folder)
        opened = _open_anew(bare, invocation, vault, watcher)
        same = _find_again(opened, record)
        checks, loaded = [_say_key(invocation)], None
        found = _take_configuration(opened, same, place.folder / _BARE, bare.environment)
        if found is None:
            checks.append(_say_no_configuration())
        else:
            loaded, count = found
            checks.append(_say_configuration(count))
        wish = DrillWish(scenario="lost-server", is_newest=is_newest, target=target, checks=tuple(checks))
        return run_drill(bare, opened, same, loaded, watcher, wish)


def _make_bare(invocation: Invocation, folder: Path) -> Invocation:
    """Return an invocation that knows nothing of this machine but its programs, and what opens the vault."""
    kept = {name: invocation.environment[name] for name in (*_KEPT, *_OPENS) if name in invocation.environment}
    for name in ("state", "cache", "home"):
        (folder / _BARE / name).mkdir(mode=0o700, parents=True)
    environment = {
        **kept,
        "HOME": str(folder / _BARE / "home"),
        "REBOND_STATE_DIR": str(folder / _BARE / "state"),
        "REBOND_CACHE_DIR": str(folder / _BARE / "cache"),
        "TMPDIR": str(folder),
    }
    return Invocation(environment=environment, is_quiet=invocation.is_quiet)


def _open_anew(bare: Invocation, invocation: Invocation, vault: VaultAtHand, watcher: Watcher) -> Vault:
    """Open the vault once more, without what this machine remembers of it."""
    hands_over = any(name in invocation.environment for name in _OPENS)
    key = find_key(bare if hands_over else invocation, Configured(address="") if hands_over else vault.configured)
    return open_live(bare, vault.store, key, watcher.noticed)


def _find_again(vault: Vault, record: SnapshotRecord) -> SnapshotRecord:
    found = next((each for each in list_snapshots(vault) if each.snapshot == record.snapshot), None)
    if found is None:
        raise UnknownName(
            "The snapshot {id} is not there for somebody who knows only the vault's address.",
            hint="Run 'rebond verify'.",
            id=record.snapshot.hex(),
        )
    return found


def _take_configuration(
    vault: Vault, record: SnapshotRecord, folder: Path, environment: Mapping[str, str]
) -> tuple[Loaded, int] | None:
    """Return the configuration that the snapshot carries and the number of its files; ``None`` without a usable one."""
    files = read_stored_configuration(vault, record)
    if not files:
        return None
    target = folder / "configuration"
    for name, content in files.items():
        path = target / name
        if os.path.isabs(name) or ".." in Path(name).parts:
            continue  # it lay elsewhere on the old machine, and nothing is written outside of this place
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(content)
    with contextlib.suppress(OSError):
        verdict = load_configuration(target / next(iter(files)), environment)
        if verdict.loaded is not None:
            return _forget_machine(vault, record, verdict.loaded), len(files)
    return None


def _forget_machine(vault: Vault, record: SnapshotRecord, loaded: Loaded) -> Loaded:
    """Return the configuration with the root that the snapshot was made in, and without keys of the old machine."""
    configuration = loaded.configuration
    vaults = {name: replace(each, key=None, passphrase=None) for name, each in configuration.vaults.items()}
    return replace(
        loaded, root=_find_old_root(vault, record, loaded), configuration=replace(configuration, vaults=vaults)
    )


def _find_old_root(vault: Vault, record: SnapshotRecord, loaded: Loaded) -> Path:
    """Return where the stack stood: what is left of a component's place without its own path."""
    with SnapshotReader(vault, record) as reader:
        for root in _list_roots(loaded, {each.name: each.root for each in reader.components}):
            return root
    return loaded.root


def _list_roots(loaded: Loaded, places: Mapping[str, bytes]) -> Iterator[Path]:
    for name, component in loaded.configuration.component.items():
        place = os.fsdecode(places.get(name, b""))
        if not place or not isinstance(component, Files) or component.inside or component.volume:
            continue
        if component.path and not os.path.isabs(component.path):
            path = os.path.normpath(component.path)
            if path == ".":
                yield Path(place)
            elif place.endswith(f"/{path}"):
                yield Path(place[: -len(path) - 1])


def _say_key(invocation: Invocation) -> Check:
    if any(name in invocation.environment for name in _OPENS):
        return Check(
            code="kit",
            subject="vault",
            answer=Answer.PASS,
            template="The vault opens with what was handed over, and with nothing of this machine.",
        )
    return Check(
        code="kit",
        subject="vault",
        answer=Answer.NOT_RUN,
        template="The vault was opened with the key of this machine: the recovery kit was not tried.",
        hint_template="Take the kit out of the safe, put its recovery key into REBOND_PASSPHRASE, and drill again.",
    )


def _say_configuration(count: int) -> Check:
    return Check(
        code="configuration",
        subject="vault",
        answer=Answer.PASS,
        template="The configuration came out of the snapshot, {count} files, and can be used.",
        values={"count": count},
    )


def _say_no_configuration() -> Check:
    return Check(
        code="configuration",
        subject="vault",
        answer=Answer.FAIL,
        template="The snapshot carries no configuration that can be used: on a bare machine somebody has to know it.",
        hint_template="Back up by a configuration: rebond init",
    )
