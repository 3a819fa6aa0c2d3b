"""The steps of ``rebond init``, each of which may be the last one before the power fails."""

import os
import re
import socket
from pathlib import Path

from rebond.cli.founding.proposal_text import say_remark, write_configuration
from rebond.cli.founding.vault_part import OwnKey, describe_vault, find_own_key
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import answer, note
from rebond.cli.output.speech import language, show_path, tr
from rebond.cli.output.standard_output import flush, write
from rebond.cli.vaults.key_at_hand import find_passphrase
from rebond.cli.vaults.opening import store_at_hand
from rebond.clock import SystemClock
from rebond.config.finding import FILE_NAME
from rebond.durable_files import create_synced_file, discard_file, temporary_path, write_durably
from rebond.errors import Refused, UsageError
from rebond.operations.founding import Founded, KeyPlaces, clear_sealed_key, found_vault, seal_off
from rebond.stack.discovery.choosing_places import ChosenPlaces, Intents, choose_places, find_inside
from rebond.stack.discovery.looking import Surveyed, look_around
from rebond.stack.discovery.proposal import Proposal, ProposedPart
from rebond.stack.discovery.proposing import propose
from rebond.stack.discovery.savable import is_savable
from rebond.vault.kit import make_kit, render_kit
from rebond.vault.member_files import write_secret_file
from rebond.vault.slots import new_passphrase_secret

CONFIGURATION_MODE = 0o644
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class Setup:
    """One run. The steps are called in their order; what they find is kept here."""

    def __init__(self, invocation: Invocation, directory: Path, *, is_safe: bool, kit: Path | None) -> None:
        self._invocation = invocation
        self._directory = directory
        self._is_safe = is_safe
        self._kit = kit
        self._clock = SystemClock()
        self._intents = Intents(invocation.state_folder / "init")
        self._surveyed: Surveyed | None = None
        self._founded: Founded | None = None
        self._own_key: OwnKey | None = None
        self._text = ""
        self.has_shown_kit = False
        self._proposal: Proposal | None = None
        self.places = self._remembered() or ChosenPlaces(vault="", owner_key=Path(), writer_key=Path())

    @property
    def target(self) -> Path:
        """Where the configuration goes: what was named, else ``rebond.toml`` here."""
        named = self._invocation.config or self._invocation.environment.get("REBOND_CONFIG")
        return self._directory / Path(named).expanduser() if named else self._directory / FILE_NAME

    def require_writable(self) -> None:
        """Raise ``UsageError`` when the configuration could not be written in the end."""
        if os.path.lexists(self.target):
            raise UsageError(
                "{path} is there, and is no file with a configuration.",
                hint="Move it away, or name another place: rebond init --config ~/rebond.toml",
                path=str(self.target),
            )
        _require_writable(self.target)
        if self._kit and self._kit.exists():
            raise Refused(
                "{path} exists already and was left as it is.",
                hint="Choose another name: a key file that is overwritten cannot be had back.",
                path=str(self._kit),
            )
        if self._kit:
            _require_writable(self._kit, is_kit=True)

    def look(self) -> None:
        """Look at the directory, and choose places where no earlier run did."""
        surveyed = look_around(self._directory, self._invocation.environment)
        self._surveyed = surveyed
        earlier = self._remembered()
        named = self._invocation.named_vault
        if earlier and (named is None or _absolute(named) == earlier.vault):
            self.places = earlier
            return
        chosen = choose_places(
            self._directory,
            surveyed.name,
            self._invocation.environment,
            is_root=os.geteuid() == 0,
            vault=_absolute(named) if named else "",
            backup_directory=surveyed.file_variables.get("BACKUP_DIR", ""),
        )
        self.places = chosen

    def take_vault(self, address: str) -> None:
        """Put the vault where somebody wants it."""
        if _absolute(address) != self.places.vault:
            places = self.places
            self.places = ChosenPlaces(
                vault=_absolute(address), owner_key=places.owner_key, writer_key=places.writer_key
            )

    def found(self) -> None:
        """Work out the configuration, then make the vault and its key files, or go on with those of an earlier run."""
        self._clear_sealed_key()
        self._own_key = find_own_key(self._invocation, self.places)
        self._text = self._write_text()
        if self._own_key is not None:
            self._remember()
            return
        given = None if self._is_safe else find_passphrase(self._invocation)
        passphrase = new_passphrase_secret(given.reveal().decode("utf-8", "surrogateescape")) if given else None
        keys = KeyPlaces(owner=self.places.owner_key, writer=self.places.writer_key if self._is_safe else None)
        with store_at_hand(self._invocation, self.places.vault, create=True) as store:
            self._remember()  # not before: an address that cannot be meant is not gone on with
            self._founded = found_vault(
                store, keys, clock=self._clock, label=socket.gethostname() or "writer", passphrase=passphrase
            )
            for promise in self._founded.proof.broken if self._founded.proof else ():
                words = tr(promise.template, **promise.values)
                note(self._invocation, tr("The store does not keep a promise: {words}", words=words))

    def tell_kit(self) -> None:
        """Show the kit before anything says that this is done: nobody can print its key again."""
        founded = self._founded
        if founded is None:
            if self._invocation.wants_json:
                answer(self._invocation, self._document(""), "")
            return
        made = make_kit(
            founded.description, founded.roster, address=self.places.vault, recovery_key=founded.recovery_key
        )
        pages = render_kit(made, "fr" if language() == "fr" else "en")
        if self._kit:
            write_secret_file(self._kit, pages.encode())
        if self._invocation.wants_json:
            answer(self._invocation, self._document(pages), "")
        elif not self._kit:
            write(pages.rstrip("\n") + "\n\n")
            self.has_shown_kit = True
        flush()

    def write_configuration(self) -> None:
        """Write the configuration, whole or not at all."""
        try:
            write_durably(str(self.target), self._text.encode(), mode=CONFIGURATION_MODE)
        except OSError as error:
            raise UsageError(
                "{path} cannot be written: {reason}.",
                hint="Free the place, then run the same command: it goes on where it stopped.",
                path=str(self.target),
                reason=error.strerror or str(error),
            ) from error

    def finish(self) -> None:
        """Take the owner's key file away where only a writer's is to stay."""
        if self._is_safe and self._founded is not None:
            with store_at_hand(self._invocation, self.places.vault) as store:
                seal_off(store, self.places.owner_key, self._founded.recovery_key)

    def finish_earlier(self) -> None:
        """Finish what an earlier run with ``--safe`` could not: the owner's key file goes, after a new kit."""
        places = self._remembered()
        if places is None or not (places.owner_key.exists() and places.writer_key.exists()):
            return
        self.places, self._is_safe = places, True
        keys = KeyPlaces(owner=places.owner_key, writer=places.writer_key)
        with store_at_hand(self._invocation, places.vault) as store:
            if clear_sealed_key(store, keys):
                return
            self._founded = found_vault(store, keys, clock=self._clock, label=socket.gethostname())
        self.tell_kit()
        self.finish()

    def describe(self) -> str:
        """Return what was done, in a few lines."""
        assert self._proposal  # noqa: S101 - the steps have an order
        lines = [
            tr(
                "{path} was written. It saves: {names}.",
                path=show_path(str(self.target)),
                names=show_path(", ".join(self._proposal.active_names)),
            ),
            tr("The vault is at {location}.", location=show_path(self.places.vault)),
        ]
        if passing := self._proposal.passing_names:
            lines.append(tr("Named, and nothing of it saved: {names}.", names=show_path(", ".join(passing))))
        left = [each.heading.partition(".")[2] for each in self._proposal.components if not each.is_active]
        if left:
            lines.append(tr("Written as comments, and not saved: {names}.", names=show_path(", ".join(left))))
        lines += [say_remark(each) for each in self._proposal.remarks]
        if self._kit and self._founded:
            lines.append(
                tr("The recovery kit is in {path}.", path=show_path(str(self._kit)))
                + " "
                + tr("Put it in a safe, away from this machine: it opens the vault.")
            )
        elif self._kit:
            words = tr(
                "The vault was there already, so no recovery kit was made, and {path} was not written: 'rebond kit' "
                "prints one.",
                path=show_path(str(self._kit)),
            )
            lines.append(words)
        elif self._founded:
            lines.append(tr("Put the recovery kit in a safe, away from this machine: it opens the vault."))
        if self._is_safe and self._founded:
            lines.append(tr("This machine can save and cannot read what it saved: a restore takes the recovery key."))
        return "\n".join(lines)

    def _remembered(self) -> ChosenPlaces | None:
        return self._intents.find(self._directory)

    def _remember(self) -> None:
        try:
            self._intents.remember(self._directory, self.places)
        except OSError as error:
            note(
                self._invocation,
                tr(
                    "What was chosen cannot be kept in {path}: {reason}. Should this run be cut, name --vault again.",
                    path=show_path(str(self._invocation.state_folder)),
                    reason=error.strerror or str(error),
                ),
            )

    def _clear_sealed_key(self) -> None:
        keys = KeyPlaces(owner=self.places.owner_key, writer=self.places.writer_key)
        if keys.owner.is_file() and self.places.writer_key.is_file():
            with store_at_hand(self._invocation, self.places.vault) as store:
                clear_sealed_key(store, keys)

    def _write_text(self) -> str:
        assert self._surveyed  # noqa: S101 - the steps have an order
        own = [self.places.owner_key, self.places.writer_key, self._invocation.cache_folder]
        if self._kit:  # it opens the vault, and belongs on paper
            own.append(self._kit.absolute())
        vault = [] if "://" in self.places.vault else [Path(self.places.vault)]
        self._proposal = propose(
            self._surveyed,
            is_savable=is_savable,
            language="fr" if language() == "fr" else "en",
            excluded=find_inside(self._directory, [*vault, *own]),
        )
        text = write_configuration(
            self._with_root(self._proposal), describe_vault(self.places, self._own_key, is_safe=self._is_safe)
        )
        return text

    def _with_root(self, proposal: Proposal) -> Proposal:
        """Say where the stack is, when its configuration lies elsewhere."""
        if self.target.parent.resolve() == self._directory.resolve():
            return proposal
        stack = proposal.stack
        name = stack.lines["name"]
        lines = {"name": name, "root": str(self._directory), **{k: v for k, v in stack.lines.items() if k != "name"}}
        return Proposal(
            stack=ProposedPart(heading=stack.heading, lines=lines, remarks=stack.remarks),
            components=proposal.components,
            classes=proposal.classes,
            remarks=proposal.remarks,
        )

    def _document(self, pages: str) -> dict[str, object]:
        founded, proposal = self._founded, self._proposal
        return {
            "configuration": str(self.target),
            "changed": True,
            "vault": self.places.vault,
            "is_new": bool(founded and founded.is_new),
            "components": list(proposal.written_names) if proposal else [],
            "not_saved": list(proposal.passing_names) if proposal else [],
            "commented": [each.heading.partition(".")[2] for each in proposal.components if not each.is_active]
            if proposal
            else [],
            "remarks": [say_remark(each) for each in proposal.remarks] if proposal else [],
            "kit": str(self._kit) if self._kit and founded else (pages or None),
            "recovery_key": founded.recovery_key if founded and not self._kit else None,
        }


def _require_writable(path: Path, *, is_kit: bool = False) -> None:
    trial = temporary_path(str(path.parent))
    try:  # rights, file systems and quotas have more rules than can be asked for
        create_synced_file(trial, b"")
    except OSError as error:
        raise UsageError(
            "{path} cannot be written: {reason}.",
            hint="Name another place for the recovery kit with --kit."
            if is_kit
            else "Run the command as a user who may, or put it elsewhere: rebond init --config ~/rebond.toml",
            path=str(path),
            reason=error.strerror or str(error),
        ) from error
    discard_file(trial)


def _absolute(address: str) -> str:
    """Return an address that means the same from everywhere."""
    if _SCHEME.match(address):  # also one that lacks its slashes: whoever opens it says so
        return address
    return os.path.abspath(os.path.expanduser(address))
