"""The vaults of a configuration as the doctor looks at them, each with its own key."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rebond.cli.configuration.at_hand import MAIN, VaultPlace, describe_place, list_places
from rebond.cli.invocation import Invocation
from rebond.cli.output.speech import message_of
from rebond.cli.vaults.key_at_hand import find_key
from rebond.cli.vaults.opening import store_at_hand
from rebond.cli.vaults.others import open_live, with_its_own_key
from rebond.errors import RebondError
from rebond.findings import Finding, Severity
from rebond.operations.examining import examine_vault
from rebond.stack.advice.clocks import compare_clocks
from rebond.stack.advice.observing import Observation, Scene, Weight
from rebond.stack.advice.room import check_reserve
from rebond.stack.advice.vault_reports import VaultReport
from rebond.stack.advice.vaults import describe_lost_secret, describe_obstacle, describe_vault

_SAID_ELSEWHERE = {"pins-not-kept", "cache-unwritable"}  # by the check of permissions


def examine_vaults(invocation: Invocation, scene: Scene) -> VaultReport:
    """Look at every vault of the configuration; what there is room for is told of the first one, the main vault."""
    try:
        places = list_places(scene.loaded)
    except RebondError as error:
        return VaultReport(observations=(_unresolved(scene, error),))
    named = invocation.named_vault
    if not places and named:
        places = [VaultPlace(name=MAIN, address=named, key=None, passphrase=None)]
    if not places:
        return VaultReport(observations=(_no_vault(scene),))
    reports = [_examine_place(invocation, scene, each) for each in places]
    return replace(reports[0], observations=tuple(each for report in reports for each in report.observations))


def _examine_place(invocation: Invocation, scene: Scene, place: VaultPlace) -> VaultReport:
    """Open a vault as a backup does: with the environment's key only where that is meant for it."""
    directory = Path(place.address) if "://" not in place.address else None
    notes: list[Observation] = []

    def hear(finding: Finding) -> None:
        if finding.code not in _SAID_ELSEWHERE:
            notes.append(_heard(finding))

    configured = describe_place(scene.loaded, place)
    try:
        with store_at_hand(invocation, place.address) as store:
            own = invocation if place.name == MAIN else with_its_own_key(invocation, configured)
            live = open_live(invocation, store, find_key(own, configured), hear)
            examined = examine_vault(live, stack=scene.configuration.stack.name, clock=scene.clock)
            location = store.location
    except RebondError as error:
        obstacle = describe_obstacle(scene, place.name, place.address, place.key, error, is_main=place.name == MAIN)
        return VaultReport(observations=(*notes, obstacle), directory=directory)
    offset_ms = examined.proof.clock_offset_ms if examined.proof else None
    return VaultReport(
        observations=(
            *notes,
            *describe_vault(location, examined),
            *describe_lost_secret(scene, place.address, place.key, place.passphrase),
            *compare_clocks(scene, store_offset_ms=offset_ms, newest_ms=examined.newest_ms),
            *_check_own_reserve(scene, place, directory),
        ),
        directory=directory,
        expected_new_bytes=examined.expected_new_bytes,
        restored_bytes=examined.restored_bytes,
    )


def _check_own_reserve(scene: Scene, place: VaultPlace, directory: Path | None) -> Iterator[Observation]:
    """Look at the room of a vault that is kept apart; that of the main vault is judged with what a backup needs."""
    vault = scene.configuration.vaults.get(place.name)
    if vault is not None and directory is not None:
        yield from check_reserve(vault, directory, scene.command("rebond", "forget", "--place", place.name, "--prune"))


def _no_vault(scene: Scene) -> Observation:
    place = f"/var/lib/rebond/{scene.configuration.stack.name}" if scene.is_root else "~/rebond-vault"
    return Observation(
        check="vault",
        code="no-vault",
        weight=Weight.FAILURE,
        template="The configuration names no vault.",
        command=f"printf '\\n[vault]\\nurl = \"%s\"\\n' {place} >> {scene.command(scene.path)} && rebond vault create",
    )


def _unresolved(scene: Scene, error: RebondError) -> Observation:
    return Observation(
        check="vault",
        code=error.code,
        weight=Weight.FAILURE,
        template="The address of a vault cannot be looked up: {reason}",
        values={"reason": error},
        command=f"${{EDITOR:-vi}} {scene.command(scene.path)}",
    )


def _heard(finding: Finding) -> Observation:
    return Observation(
        check="vault",
        code=finding.code,
        weight=Weight.NOTE if finding.severity is Severity.NOTE else Weight.WARNING,
        template="{message}",
        values={"message": message_of(finding)},
        command="" if finding.severity is Severity.NOTE else "rebond verify --repair",
    )
