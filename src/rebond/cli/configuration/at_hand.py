"""The configuration at hand: what it says where the command line and the environment are silent."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from rebond.cli.configuration.vault_found import Configured
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import say_aside
from rebond.cli.output.speech import hint_of, label, message_of, show_path, tr
from rebond.config.finding import find_configuration
from rebond.config.loading import Verdict, load_configuration
from rebond.config.model import Loaded
from rebond.config.places import Problem
from rebond.config.references import Text
from rebond.config.resolving import Resolver
from rebond.config.stacks import Replica, Vault
from rebond.errors import ConfigError, RebondError, UsageError
from rebond.secret import Secret
from rebond.store.cloud_address import is_cloud_address, is_same_cloud_place, with_options_of, with_storage_class

MAIN = "vault"


class VaultPlace(Struct, frozen=True, kw_only=True):
    """A vault that the configuration names: ``name`` is what ``keep`` calls it."""

    name: str
    address: str
    key: Text | None
    passphrase: Text | None


def resolver_of(loaded: Loaded) -> Resolver:
    """Return what looks up the references of a configuration."""
    return Resolver(root=loaded.root, variables=loaded.variables)


def judge_configuration(invocation: Invocation) -> Verdict:
    """Read the configuration. Raises ``UsageError`` when there is none and ``ConfigError`` when it cannot be read."""
    path = find_configuration(invocation.config, invocation.environment, Path.cwd())
    if path is None:
        raise UsageError(
            "There is no configuration.",
            hint="'rebond init' writes one for this directory. Name one elsewhere with --config or REBOND_CONFIG.",
        )
    verdict = load_configuration(path, invocation.environment)
    if verdict.loaded is not None and invocation.recording is not None:
        invocation.recording.meet_configuration(verdict.loaded)
    return verdict


def require_configuration(invocation: Invocation) -> Loaded:
    """Return the configuration. Raises ``ConfigError`` when it cannot be used; every problem is said before."""
    verdict = judge_configuration(invocation)
    if verdict.loaded is not None:
        return verdict.loaded
    if not invocation.wants_json:
        for each in verdict.problems:
            say_aside(invocation, describe_problem(each))
    raise ConfigError(
        "The configuration {path} cannot be used; it has {count} problems.",
        hint="'rebond config check' lists them."
        if invocation.wants_json
        else "Mend what is listed; 'rebond config check' lists it again.",
        path=str(verdict.path),
        count=sum(not each.is_warning for each in verdict.problems),
    )


def find_in_configuration(invocation: Invocation, named: str | None) -> Configured:
    """Return the vault that was named with what the configuration says of it, or the configuration's own.

    Where a vault was named, a configuration that merely lies around says something only about vaults of its own,
    and does no harm when it is broken: in an emergency nothing but the vault and its key is needed.
    Raises ``UsageError`` and ``ConfigError`` as ``find_vault`` does.
    """
    is_asked_for = bool(invocation.config or invocation.environment.get("REBOND_CONFIG"))
    if named is None or is_asked_for:
        loaded = require_configuration(invocation)
    else:
        usable = find_usable(invocation)
        if usable is None:
            return Configured(address=named)
        loaded = usable
    places = list_places(loaded, only_main=named is None)
    found = next((each for each in places if named is None or is_same_place(each.address, named)), None)
    if named is None and found is None:
        raise UsageError(
            "No vault was named.",
            hint="Add --vault /where/it/is, set REBOND_VAULT, or write url under [vault] in rebond.toml.",
        )
    return _describe(loaded, found, named, speaks=found is not None or is_asked_for)


def find_usable(invocation: Invocation) -> Loaded | None:
    """Return the configuration when it can be used; no reason is given, since nobody asked for it."""
    try:
        return judge_configuration(invocation).loaded
    except RebondError:
        return None


def find_time_zone(path: Path, environment: Mapping[str, str]) -> str:
    """Return the time zone that a configuration names; empty where it names none, or cannot be used."""
    try:
        loaded = load_configuration(path, environment).loaded
    except RebondError:
        return ""
    return (loaded.configuration.stack.timezone or "") if loaded else ""


def find_stack(invocation: Invocation) -> str:
    """Return the name of the configuration's stack; empty where there is none that can be used."""
    loaded = find_usable(invocation)
    return loaded.configuration.stack.name if loaded else ""


def find_own_configuration(invocation: Invocation, configured: Configured, stack: str) -> Loaded | None:
    """Return the configuration where it speaks of that stack; ``None`` where it does not, or cannot be used."""
    return find_usable(invocation) if configured.stack and configured.stack == stack else None


def _describe(loaded: Loaded, place: VaultPlace | None, named: str | None, *, speaks: bool) -> Configured:
    if not speaks:
        return Configured(address=named or "")
    resolver, stack = resolver_of(loaded), loaded.configuration.stack

    def find_key() -> Secret | None:
        with _naming_the_kit():
            return resolver.resolve_whole(place.key) if place and place.key is not None else None

    def find_passphrase() -> Secret | None:
        with _naming_the_kit():
            return resolver.resolve(place.passphrase) if place and place.passphrase is not None else None

    limits = loaded.configuration.limits
    return Configured(
        upload_bytes_per_second=limits.upload if limits else None,
        download_bytes_per_second=limits.download if limits else None,
        address=_choose_address(place, named),
        place=place.name if place else "",
        stack=stack.name,
        timezone=stack.timezone,
        find_key=find_key,
        find_passphrase=find_passphrase,
        has_key=bool(place and (place.key is not None or place.passphrase is not None)),
    )


_UNREADABLE = "Check its name and its permissions."


@contextlib.contextmanager
def _naming_the_kit() -> Iterator[None]:
    """Say what opens a vault when the file that should is lost: who reads that may be amid a disaster."""
    try:
        yield
    except ConfigError as error:
        if error.hint_template != _UNREADABLE:
            raise
        raise ConfigError(
            error.template,
            hint="Check its name and its permissions. If it is lost, the recovery key of the kit opens the vault: put "
            "it into a file that only you can read, and its name into REBOND_PASSPHRASE_FILE.",
            **error.values,
        ) from None


def _choose_address(place: VaultPlace | None, named: str | None) -> str:
    """Return what was named; of a cloud store with what the configuration says of it besides."""
    if place is None or not named:
        return named or (place.address if place else "")
    return with_options_of(named, place.address) if is_cloud_address(place.address) else named


def describe_place(loaded: Loaded, place: VaultPlace) -> Configured:
    """Return what the configuration says of one of its vaults."""
    return _describe(loaded, place, None, speaks=True)


def list_places(loaded: Loaded, *, only_main: bool = False) -> list[VaultPlace]:
    """Return the vaults of a configuration, the main one first. Looks their addresses up."""
    configuration, resolver = loaded.configuration, resolver_of(loaded)
    places = []

    def add(name: str, described: Vault | Replica, key: Text | None, passphrase: Text | None) -> None:
        address = resolver.resolve_words(described.url)
        if "://" not in address:
            address = os.path.join(loaded.root, os.path.expanduser(address))
        elif described.storage_class is not None:
            address = with_storage_class(address, resolver.resolve_words(described.storage_class))
        places.append(VaultPlace(name=name, address=address, key=key, passphrase=passphrase))

    main = configuration.vault
    if main:
        add(MAIN, main, main.key, main.passphrase)
    if only_main:
        return places
    for name, vault in configuration.vaults.items():
        add(name, vault, vault.key, vault.passphrase)
    for each in configuration.replica:
        is_alone = each.key or each.passphrase or main is None
        add(
            each.name,
            each,
            each.key if is_alone or main is None else main.key,
            each.passphrase if is_alone or main is None else main.passphrase,
        )
    return places


def from_anywhere(address: str) -> str:
    """Return an address as it reads from every folder: what is written down, or said to be run later, is read there."""
    return address if "://" in address or not address else os.path.abspath(os.path.expanduser(address))


def is_same_place(one: str, other: str) -> bool:
    """Say whether two addresses lead to one place: directories by their real path, buckets by what names the vault."""
    if is_cloud_address(one) and is_cloud_address(other):
        return is_same_cloud_place(one, other)
    if "://" in one or "://" in other:
        return one.rstrip("/") == other.rstrip("/")
    return os.path.realpath(one) == os.path.realpath(os.path.expanduser(other))


def describe_problem(problem: Problem) -> str:
    """Return a problem in two lines: where and what, and what to do."""
    word = tr("warning") if problem.is_warning else tr("error")
    text = f"{show_path(str(problem.place))}: {label(word, message_of(problem.error))}"
    hint = hint_of(problem.error)
    return f"{text}\n  → {hint}" if hint else text
