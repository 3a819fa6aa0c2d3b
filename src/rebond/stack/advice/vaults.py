"""Vaults: reachable, opened by the key at hand, proven; and which half of promise 4 holds."""

import itertools
import os
import shlex
from collections.abc import Iterator

from rebond.config.references import FromFile, Text
from rebond.errors import (
    AccessDenied,
    ConfigError,
    MissingExtra,
    RebondError,
    StoreFull,
    StoreUnreachable,
    UsageError,
    VaultMissing,
    WrongKey,
)
from rebond.mount_points import find_unmounted
from rebond.operations.examining import ExaminedVault
from rebond.stack.advice.earlier_runs import find_last_recovered, find_last_saved
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.store.proving import TOLERATED_OFFSET_MS
from rebond.units import format_moment
from rebond.vault.credentials import Role
from rebond.wording import Phrase

CHECK = "vault"
_LOOKED_AT = 20_000  # files of a vault whose owner is looked up
_TYPED = "head -n 1"  # what a command begins with that takes a secret from the keyboard
_BOTH = " && chmod --recursive"  # what a command has in it that does for two causes
_RULED = {"put-if-absent", "race", "clock"}  # the vault has rules of its own for stores without these


def describe_vault(name: str, examined: ExaminedVault) -> Iterator[Observation]:
    """Yield what was found of a vault that could be opened."""
    yield Observation(
        check=CHECK,
        code="vault",
        weight=Weight.NOTE,
        template="The vault {name} answers; {count} snapshots of this stack, the newest of {moment}."
        if examined.snapshots
        else "The vault {name} answers; it has no snapshot of this stack yet.",
        values={
            "name": name,
            "count": examined.snapshots,
            "moment": format_moment(examined.newest_ms) if examined.newest_ms else "",
        },
    )
    yield from _describe_promise(name, examined)
    for promise in examined.proof.promises if examined.proof else ():
        if promise.holds or (promise.code == "clock" and examined.proof and _is_near(examined)):
            continue
        yield Observation(
            check=CHECK,
            code="store-unproven",
            weight=Weight.NOTE if promise.code in _RULED else Weight.FAILURE,
            template="The store of {name} does not keep a promise: {words}",
            values={"name": name, "words": promise},
            command="" if promise.code in _RULED else "rebond init --vault ANOTHER-PLACE",
        )


def _is_near(examined: ExaminedVault) -> bool:
    return examined.proof is not None and abs(examined.proof.clock_offset_ms) <= TOLERATED_OFFSET_MS


def _describe_promise(name: str, examined: ExaminedVault) -> Iterator[Observation]:
    """Say which half of promise 4 holds: reading by the keys, destroying by the store."""
    if examined.role is Role.OWNER:
        yield Observation(
            check=CHECK,
            code="promise-off",
            weight=Weight.NOTE,
            template="Promise 4 is off for {name}: this machine holds the owner's key, and may read and delete.",
            values={"name": name},
        )
        return
    yield Observation(
        check=CHECK,
        code="promise-reading",
        weight=Weight.NOTE,
        template="Promise 4, reading: holds for {name}. The key here is a {role}'s, which opens no content.",
        values={"name": name, "role": examined.role.value},
    )
    canary = examined.canary
    if canary is None:
        return
    if canary.is_safe:
        yield Observation(
            check=CHECK,
            code="promise-destroying",
            weight=Weight.NOTE,
            template="Promise 4, destroying: holds for {name}. A canary could neither be overwritten nor deleted.",
            values={"name": name},
        )
        return
    yield Observation(
        check=CHECK,
        code="promise-destroying",
        weight=Weight.NOTE,
        template="Promise 4, destroying: does not hold for {name}. A canary could be overwritten or deleted there.",
        values={"name": name},
    )


def describe_obstacle(
    scene: Scene, name: str, address: str, key: Text | None, error: RebondError, *, is_main: bool
) -> Observation:
    """Return why a vault could not be opened, with the command that mends it."""
    is_for_later = type(error) is UsageError and not is_main  # a place that this version cannot open
    saved_ms = find_last_saved(scene) if is_main and isinstance(error, VaultMissing) else None
    if saved_ms is not None:
        return _describe_gone(scene, address, error, saved_ms)
    recovered_ms = find_last_recovered(scene) if is_main and isinstance(error, VaultMissing) else None
    if recovered_ms is not None:
        return _describe_elsewhere(scene, address, error, recovered_ms)
    if isinstance(error, VaultMissing) and name in {each.name for each in scene.configuration.replica}:
        return _describe_no_copy(scene, name, address, error)
    command = "" if is_for_later else _mend(scene, address, key, error)
    values: dict[str, object] = {"count": _LOOKED_AT} if _BOTH in command else {}
    said = _say_obstacle(command, is_main=is_main)
    return Observation(
        check=CHECK,
        code=error.code,
        weight=Weight.NOTE if is_for_later else Weight.FAILURE if is_main else Weight.WARNING,
        template=said,
        values={"name": name, "reason": error, **values},
        command=command,
    )


def _say_obstacle(command: str, *, is_main: bool) -> Phrase:
    """Return the template; a command that waits for a secret shows nothing by itself, and looks as if it hung."""
    if _BOTH in command:
        return _say_both(is_main=is_main)
    if _TYPED in command and is_main:
        return Phrase("The vault: {reason} The line waits for the recovery key or the passphrase: type it, then Enter.")
    if _TYPED in command:
        return Phrase(
            "The vault {name}: {reason} The line waits for the recovery key or the passphrase: type it, then Enter."
        )
    return Phrase("The vault: {reason}") if is_main else Phrase("The vault {name}: {reason}")


def _say_both(*, is_main: bool) -> Phrase:
    if is_main:
        return Phrase(
            "The vault: {reason} The first {count} files of it belong to this account; the others were not looked at, "
            "so the line does for both."
        )
    return Phrase(
        "The vault {name}: {reason} The first {count} files of it belong to this account; the others were not looked "
        "at, so the line does for both."
    )


def describe_lost_secret(
    scene: Scene, address: str, key: Text | None, passphrase: Text | None
) -> Iterator[Observation]:
    """Yield what keeps runs that begin by themselves out of a vault that was opened with another secret here."""
    for secret in (key, passphrase):
        path = _path_of(scene, secret)
        if path and not os.path.lexists(path):
            yield Observation(
                check=CHECK,
                code="secret-missing",
                weight=Weight.WARNING,
                template="{path}, which opens the vault {address} by the configuration, is not there: it opened with "
                "what this run was given, and what starts by itself is given nothing. The line waits for the recovery "
                "key or the passphrase: type it, then Enter.",
                values={"path": path, "address": address},
                command=_issue_key(scene, address, path) if secret is key else _type_passphrase(path),
            )


def _path_of(scene: Scene, secret: Text | None) -> str:
    return os.path.join(scene.loaded.root, os.path.expanduser(secret.file)) if isinstance(secret, FromFile) else ""


def _issue_key(scene: Scene, address: str, key_path: str) -> str:
    """Return the command that makes a writer's key where the configuration looks for one; a passphrase is typed."""
    aside = f"mv {shlex.quote(key_path)} {shlex.quote(key_path + '.old')} && " if os.path.exists(key_path) else ""
    folder = os.path.dirname(key_path)
    made = "" if os.path.isdir(folder) else f"install -d --mode=700 {shlex.quote(folder)} && "
    return (
        f'{made}{aside}REBOND_PASSPHRASE="$(head -n 1)" rebond key issue writer '
        f"{shlex.quote(scene.user)}-$(hostname)-$(date +%s) "
        f"--output {shlex.quote(key_path)} --vault {shlex.quote(address)}"
    )


def _type_passphrase(path: str) -> str:
    return f"head -n 1 | install -D --mode=600 /dev/stdin {shlex.quote(path)}"


def _describe_gone(scene: Scene, address: str, error: RebondError, saved_ms: int) -> Observation:
    """A vault that was there: another one in its place would hide what is lost, so none is proposed."""
    look = scene.command("rebond", "vault", "info", address) if "://" in address else "lsblk --fs"
    unmounted = find_unmounted(address) if "://" not in address else ""
    return Observation(
        check=CHECK,
        code="vault-gone",
        weight=Weight.FAILURE,
        template="The vault: {reason} This stack was saved on {moment}: find that vault, or mount its disk, before you "
        "make another.",
        values={"reason": error, "moment": format_moment(saved_ms)},
        command=scene.root_command("mount", unmounted) if unmounted else look,
    )


def _describe_elsewhere(scene: Scene, address: str, error: RebondError, recovered_ms: int) -> Observation:
    """A vault that the stack was brought back from, under another address than the configuration has it."""
    unmounted = find_unmounted(address) if "://" not in address else ""
    return Observation(
        check=CHECK,
        code="vault-gone",
        weight=Weight.FAILURE,
        template="The vault: {reason} This stack was brought back on {moment} from a vault that lies elsewhere: write "
        "its address as url under [vault] before you make another.",
        values={"reason": error, "moment": format_moment(recovered_ms)},
        command=scene.root_command("mount", unmounted) if unmounted else f"${{EDITOR:-vi}} {scene.command(scene.path)}",
    )


def _describe_no_copy(scene: Scene, name: str, address: str, error: RebondError) -> Observation:
    """A replica without a vault in it. A new vault there would be another one, which the copy could never join."""
    main = scene.configuration.vault
    source = main.url if main is not None and isinstance(main.url, str) else ""
    unmounted = find_unmounted(address) if "://" not in address else ""
    command = scene.root_command("mount", unmounted) if unmounted else ""
    if not command and source and "://" not in source + address:
        place = os.path.join(scene.loaded.root, os.path.expanduser(source), ".")
        command = (
            f"{scene.command('install', '-d', '--mode=700', address)} && {scene.command('cp', '-a', place, address)}"
        )
    return Observation(
        check=CHECK,
        code=error.code,
        weight=Weight.WARNING if command else Weight.NOTE,
        template="The vault {name}: {reason}",
        values={"name": name, "reason": error},
        command=command,
    )


def _mend(scene: Scene, address: str, key: Text | None, error: RebondError) -> str:
    place = address if "://" not in address else ""
    key_path = _path_of(scene, key)
    if place and isinstance(error, VaultMissing | StoreUnreachable) and (unmounted := find_unmounted(place)):
        return scene.root_command("mount", unmounted)
    if isinstance(error, VaultMissing):
        return _create(scene, address, key_path)
    if isinstance(error, StoreFull):
        return "rebond forget --prune"
    if isinstance(error, MissingExtra):
        return "pip install 'rebond[cloud]'"
    if isinstance(error, AccessDenied) and place:
        opened = scene.command("chmod", "--recursive", "u+rwX", place)
        given = scene.root_command("chown", "--recursive", f"{scene.user}:", place)
        if not _is_of(scene.uid, place):
            return given
        holds_of_others = _holds_of_others(scene.uid, place)
        return f"{given} && {opened}" if holds_of_others is None else given if holds_of_others else opened
    if isinstance(error, WrongKey | ConfigError) and key_path:
        return _issue_key(scene, address, key_path)
    if isinstance(error, ConfigError) and "path" in error.values:  # a file with a passphrase: it is typed
        return _type_passphrase(str(error.values["path"]))
    if isinstance(error, UsageError | StoreUnreachable):
        return scene.command("rebond", "vault", "info", address)
    return scene.command("rebond", "verify", "--vault", address)


def _is_of(uid: int, path: str) -> bool:
    """Say whether a folder is that account's own: then it is no other owner that is needed, but the right."""
    try:
        return os.stat(path).st_uid == uid
    except OSError:
        return False


def _holds_of_others(uid: int, folder: str) -> bool | None:
    """Say whether something in a folder belongs to somebody else: a run as root leaves what only root may read.

    ``None`` where that is not among the first files of a large one: a doctor does not walk for minutes.
    """
    below = (os.path.join(place, name) for place, folders, files in os.walk(folder) for name in (*folders, *files))
    if any(_is_there_and_not_of(uid, each) for each in itertools.islice(below, _LOOKED_AT)):
        return True
    return None if next(below, None) is not None else False


def _is_there_and_not_of(uid: int, path: str) -> bool:
    try:
        return os.lstat(path).st_uid != uid
    except OSError:
        return False


def _create(scene: Scene, address: str, key_path: str) -> str:
    """Return the command that makes the vault so that the configuration's key opens it."""
    if not key_path:
        return scene.command("rebond", "vault", "create", address)
    aside = ""
    if os.path.exists(key_path):
        aside = f"mv {shlex.quote(key_path)} {shlex.quote(key_path + '.old')} && "
    return aside + scene.command("rebond", "vault", "create", address, "--key-file", key_path)
