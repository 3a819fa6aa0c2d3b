"""Every error that Rebond raises on purpose, with its exit status.

* RebondError                    1  anything not named below
  * UsageError                    2  the request cannot be carried out as asked
    * ConfigError                 2  the configuration is not usable
    * UnknownName                 2  nothing has that name
    * MissingExtra                2  an optional library is not installed
  * Refused                       6  held, not confirmed, or it would delete everything
  * VaultError                    1  the vault as a whole
    * VaultMissing               10  there is no vault at that address
    * VaultLocked                11  another run holds this stack
    * WrongKey                   12  the secret opens nothing here
    * RoleTooSmall               12  this key may not do that
    * VaultExists                13  there is a vault already
    * FormatTooNew               14  made by a newer Rebond
    * VaultDamaged                4  bytes are missing or are not what was written
    * ForeignObject               4  a record whose signature or roster does not verify
    * SessionVoided               1  a keeper ended this session; try again
  * CacheDamaged                  1  what this machine remembers of a vault is spoilt; try again
  * StoreError                   20  the place that holds the objects
    * StoreUnreachable           21  may pass: try again
    * StoreFull                  22  no room
    * AccessDenied               23  the credential may not do that
    * ObjectMissing              20  no object of that name
    * ObjectExists               20  there is one already, and it stays
    * ShortRead                  20  may pass: try again
    * StoreUnfit                 20  the store does not keep its promises
  * SourceError                  30  the thing being protected
    * SourceUnreachable          31  may pass: try again
    * SourceUnfit                32  wrong version or missing right
    * CommandFailed              33  a command failed or its stream was cut
    * WalGap                     34  a piece of the write-ahead log is missing
  * RestoreError                 40  the place restored data goes to
    * TargetNotEmpty             41  something is there already
    * TargetUnsafe               42  it would be written through a link or outside the target
    * ProofFailed                 4  what came back is not what was saved
  * NoticeFailed                 50  a notification could not be delivered

Outside the tree, so that ``except RebondError`` can never swallow it:

* Interrupted                   130  asked to stop, and stopped cleanly
"""

from typing import ClassVar, Self

from rebond.wording import fill


class RebondError(Exception):
    """Base of every error raised on purpose.

    ``code`` never changes once released: scripts match it and the manual has a section for it.
    ``template`` and ``hint`` are English templates, filled with ``values``; front ends translate
    them (see ``rebond.wording``). ``retryable`` says whether the same call may succeed later.
    """

    code: ClassVar[str] = "failed"
    exit_status: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, template: str, *, hint: str = "", **values: object) -> None:
        super().__init__(template, hint, values)
        self.template = template
        self.hint_template = hint
        self.values = values

    @property
    def message(self) -> str:
        """What happened, to what, in English."""
        return fill(self.template, self.values)

    @property
    def hint(self) -> str:
        """What to do next, in English."""
        return fill(self.hint_template, self.values)

    def __str__(self) -> str:
        return self.message

    def told_by(self, template: str, **values: object) -> Self:
        """Return an error of the same kind and remedy with another message, such as one that says where it came up."""
        return type(self)(template, hint=self.hint_template, **{**self.values, **values})


class UsageError(RebondError):
    """The request cannot be carried out as asked."""

    code = "usage"
    exit_status = 2


class ConfigError(UsageError):
    """The configuration is not usable."""

    code = "configuration"


class UnknownName(UsageError):
    """Nothing has that name."""

    code = "unknown-name"


class MissingExtra(UsageError):
    """An optional library is not installed."""

    code = "missing-extra"


class Refused(RebondError):
    """Held, not confirmed, or it would delete everything."""

    code = "refused"
    exit_status = 6


class VaultError(RebondError):
    """The vault as a whole."""

    code = "vault"


class VaultMissing(VaultError):
    """There is no vault at that address."""

    code = "vault-missing"
    exit_status = 10


class VaultLocked(VaultError):
    """Another run holds this stack."""

    code = "vault-locked"
    exit_status = 11


class WrongKey(VaultError):
    """The secret opens nothing here."""

    code = "wrong-key"
    exit_status = 12


class RoleTooSmall(VaultError):
    """This key may not do that."""

    code = "role-too-small"
    exit_status = 12


class VaultExists(VaultError):
    """There is a vault already."""

    code = "vault-exists"
    exit_status = 13


class FormatTooNew(VaultError):
    """Made by a newer Rebond."""

    code = "format-too-new"
    exit_status = 14


class VaultDamaged(VaultError):
    """Bytes are missing or are not what was written."""

    code = "vault-damaged"
    exit_status = 4


class ForeignObject(VaultError):
    """A record whose signature or roster does not verify."""

    code = "foreign-object"
    exit_status = 4


class SessionVoided(VaultError):
    """A keeper ended this session before it could commit."""

    code = "session-voided"
    retryable = True


class CacheDamaged(RebondError):
    """What this machine remembers of a vault is not what was written; the next run makes it anew from the vault."""

    code = "cache-damaged"
    retryable = True


class StoreError(RebondError):
    """The place that holds the objects."""

    code = "store"
    exit_status = 20


class StoreUnreachable(StoreError):
    """The store did not answer; it may answer later."""

    code = "store-unreachable"
    exit_status = 21
    retryable = True


class StoreFull(StoreError):
    """No room."""

    code = "store-full"
    exit_status = 22


class AccessDenied(StoreError):
    """The credential may not do that."""

    code = "access-denied"
    exit_status = 23


class ObjectMissing(StoreError):
    """No object of that name."""

    code = "object-missing"


class ObjectExists(StoreError):
    """There is an object of that name already, and it stays as it is."""

    code = "object-exists"


class ShortRead(StoreError):
    """Fewer bytes came than were asked for."""

    code = "short-read"
    retryable = True


class StoreUnfit(StoreError):
    """The store does not keep its promises."""

    code = "store-unfit"


class SourceError(RebondError):
    """The thing being protected."""

    code = "source"
    exit_status = 30


class SourceUnreachable(SourceError):
    """The source did not answer; it may answer later."""

    code = "source-unreachable"
    exit_status = 31
    retryable = True


class SourceUnfit(SourceError):
    """Wrong version, missing right, or nothing there."""

    code = "source-unfit"
    exit_status = 32


class CommandFailed(SourceError):
    """A command failed or its stream was cut."""

    code = "command-failed"
    exit_status = 33


class WalGap(SourceError):
    """A piece of the write-ahead log is missing."""

    code = "wal-gap"
    exit_status = 34


class RestoreError(RebondError):
    """The place that restored data goes to."""

    code = "restore"
    exit_status = 40


class TargetNotEmpty(RestoreError):
    """Something is there already."""

    code = "target-not-empty"
    exit_status = 41


class TargetUnsafe(RestoreError):
    """It would be written through a link or outside the target."""

    code = "target-unsafe"
    exit_status = 42


class ProofFailed(RestoreError):
    """What came back is not what was saved."""

    code = "proof-failed"
    exit_status = 4


class NoticeFailed(RebondError):
    """A notification could not be delivered."""

    code = "notice-failed"
    exit_status = 50


class Interrupted(KeyboardInterrupt):
    """Asked to stop, and stopped cleanly. Outside the tree on purpose."""

    code: ClassVar[str] = "interrupted"
    exit_status: ClassVar[int] = 130
