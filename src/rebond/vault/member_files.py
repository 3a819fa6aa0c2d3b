"""Writer and keeper files: all that such a role holds, and nothing that it must not (section 2).

A file holds secrets for one machine. It can be wrapped by a passphrase; it is written with mode
0600. What it does not contain cannot be done with it: a writer's file has no sealing seed, no
catalog root and no owner's key, a keeper's no sealing seed, no domain secret and no owner's key.
"""

import hmac
import os
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec
from msgspec import Struct

from rebond.durable_files import create_synced_file, discard_file, temporary_path, write_durably
from rebond.errors import Refused, UsageError, VaultDamaged, WrongKey
from rebond.identifiers import DomainId, MemberId, VaultId
from rebond.secret import Reserved
from rebond.vault.credentials import CatalogKeys, Credentials, DomainKeys, Role
from rebond.vault.headers import MAGIC, ObjectKind, with_sum
from rebond.vault.primitives import HASH_SIZE, SEAL_OVERHEAD, derive, open_seal, seal, signing_key
from rebond.vault.records import decode, encode
from rebond.vault.signed_objects import frame_record, split_record
from rebond.vault.slots import DEFAULT_COST, Argon2Cost, SlotSecret, stretch_passphrase

MEMBER_FILE_LIMIT_BYTES = 4 << 20

_Id8 = Annotated[bytes, msgspec.Meta(min_length=8, max_length=8)]
_Bytes32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class _DomainPart(msgspec.Struct, frozen=True, kw_only=True):
    id: _Id8
    secret: _Bytes32
    catalog: Annotated[tuple[_Bytes32, ...], msgspec.Meta(min_length=1)]


class _Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    role: str
    label: str
    owner: _Bytes32
    roster: Annotated[int, msgspec.Meta(ge=1)]
    member: _Id8
    signing: _Bytes32
    domains: tuple[_DomainPart, ...] = ()
    catalog_roots: tuple[_Bytes32, ...] = ()
    address: str = ""


class _Protection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    protection: str
    salt: Annotated[bytes, msgspec.Meta(max_length=64)] = b""
    argon2: Argon2Cost | None = None


class MemberFile(Struct, frozen=True, kw_only=True):
    """A member file opened. ``address`` is where the vault is, when whoever issued it put it in."""

    credentials: Credentials
    label: str
    address: str = ""


class MemberFileSecret(Reserved, frozen=True, kw_only=True):
    """A member file offered to open a vault with, and the passphrase that it may be wrapped by."""

    SHOWN: ClassVar[tuple[str, ...]] = ("passphrase",)

    content: bytes
    passphrase: SlotSecret | None = None


def looks_like_member_file(content: bytes) -> bool:
    """Say whether these bytes begin as a member file does."""
    return content[:4] == MAGIC and content[5:6] == bytes([ObjectKind.MEMBER_FILE])


def build_member_file(
    file: MemberFile,
    signing_seed: bytes,
    *,
    passphrase: SlotSecret | None = None,
    cost: Argon2Cost = DEFAULT_COST,
) -> bytes:
    """Lay out a member file, wrapped when a ``passphrase`` is given. It holds what the credentials hold."""
    held = file.credentials
    if held.role is Role.OWNER:
        raise UsageError("The owner has no member file.", hint="Use a key file: rebond key add --key-file FILE.")
    content = encode(
        _Content(
            role=held.role.value,
            label=file.label,
            owner=held.owner_verify_key,
            roster=held.roster_seen,
            member=held.member,
            signing=signing_seed,
            domains=tuple(
                _DomainPart(id=domain, secret=keys.secret, catalog=held.own_catalogs[domain].keys)
                for domain, keys in held.domain_secrets.items()
            ),
            catalog_roots=held.catalog_roots,
            address=file.address,
        )
    )
    if passphrase is None:
        head = frame_record(ObjectKind.MEMBER_FILE, held.vault_id, encode(_Protection(protection="none")))
        return with_sum(head + content)
    salt = os.urandom(32)
    protection = _Protection(protection="passphrase", salt=salt, argon2=cost)
    head = frame_record(ObjectKind.MEMBER_FILE, held.vault_id, encode(protection))
    key = stretch_passphrase(passphrase.material.reveal(), salt, cost)
    return with_sum(head + derive("slot check", key) + seal(key, "member file", content, head))


def read_member_file(content: bytes, passphrase: SlotSecret | None = None) -> MemberFile:
    """Open a member file.

    Raises ``WrongKey`` when its passphrase is missing or wrong, ``VaultDamaged`` for anything
    malformed, ``FormatTooNew`` for a later format.
    """
    if len(content) > MEMBER_FILE_LIMIT_BYTES:
        raise VaultDamaged("The key file is {size} bytes long; that is not one of a member.", size=len(content))
    framed = split_record(content, ObjectKind.MEMBER_FILE)
    protection = decode(framed.record, _Protection)
    plain = _open_protected(protection, framed.head, framed.rest, passphrase)
    return _to_member_file(framed.vault_id, decode(plain, _Content))


def write_secret_file(path: Path, content: bytes) -> None:
    """Write a file of secrets with mode 0600, durable when it returns; raises ``Refused`` when it exists."""
    try:
        write_durably(str(path), content, mode=0o600)
    except FileExistsError:
        raise _refuse_existing(path) from None
    except OSError as error:
        raise _unwritable(path, error) from error


def require_new_secret_file(path: Path) -> None:
    """Raise what ``write_secret_file`` would raise, before something is made that cannot be without the file."""
    if os.path.lexists(path):
        raise _refuse_existing(path)
    trial = temporary_path(str(path.parent))
    try:  # rights, file systems and quotas have more rules than can be asked for
        create_synced_file(trial, b"")
    except OSError as error:
        raise _unwritable(path, error) from error
    discard_file(trial)


def _refuse_existing(path: Path) -> Refused:
    return Refused(
        "{path} exists already and was left as it is.",
        hint="Choose another name: a key file that is overwritten cannot be had back.",
        path=str(path),
    )


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        "{path} cannot be written: {reason}",
        hint="Choose a directory that exists, that you may write in, and that has room.",
        path=str(path),
        reason=error.strerror or str(error),
    )


def _open_protected(protection: _Protection, head: bytes, rest: bytes, passphrase: SlotSecret | None) -> bytes:
    if protection.protection == "none":
        return rest
    if protection.protection != "passphrase" or protection.argon2 is None or len(protection.salt) < 16:
        raise VaultDamaged("The key file is protected in a way that this Rebond does not know.")
    if len(rest) < HASH_SIZE + SEAL_OVERHEAD:
        raise VaultDamaged("The key file is too short.")
    if passphrase is None:
        raise WrongKey(
            "The key file is protected by a passphrase, and none was given.",
            hint="Give it in REBOND_PASSPHRASE or REBOND_PASSPHRASE_FILE.",
        )
    key = stretch_passphrase(passphrase.material.reveal(), protection.salt, protection.argon2)
    if not hmac.compare_digest(derive("slot check", key), rest[:HASH_SIZE]):
        raise WrongKey(
            "The passphrase does not open the key file.",
            hint="Check for a typing error. The owner can issue a new file: "
            "rebond key issue writer LABEL --output FILE",
        )
    return open_seal((key,), "member file", rest[HASH_SIZE:], head)


def _to_member_file(vault_id: VaultId, content: _Content) -> MemberFile:
    is_writer, is_keeper = content.role == Role.WRITER, content.role == Role.KEEPER
    if not (is_writer or is_keeper) or bool(content.domains) != is_writer or bool(content.catalog_roots) != is_keeper:
        raise VaultDamaged("The key file does not hold what a {role} holds.", role=content.role)
    credentials = Credentials(
        vault_id=vault_id,
        role=Role(content.role),
        member=MemberId(content.member),
        signing_key=signing_key(content.signing),
        owner_verify_key=content.owner,
        roster_seen=content.roster,
        first_domain=DomainId(content.domains[0].id) if is_writer else None,
        domain_secrets={
            DomainId(part.id): DomainKeys.from_secret(DomainId(part.id), part.secret) for part in content.domains
        },
        own_catalogs={DomainId(part.id): CatalogKeys(DomainId(part.id), part.catalog) for part in content.domains},
        catalog_roots=content.catalog_roots,
    )
    return MemberFile(credentials=credentials, label=content.label, address=content.address)
