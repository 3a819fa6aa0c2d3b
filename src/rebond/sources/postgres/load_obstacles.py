"""What would keep a database from being loaded, as far as a server can be asked: its kind, rights, roles."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from rebond.errors import RestoreError, TargetNotEmpty
from rebond.findings import Finding, Severity
from rebond.sources.postgres.definitions import Definitions
from rebond.sources.postgres.names import quote_name
from rebond.sources.postgres.roles import list_needed
from rebond.sources.postgres.saved import SavedDatabase
from rebond.sources.postgres.statements import Item
from rebond.sources.postgres.target import DatabaseTarget, Server

_OF_SUPERUSERS = frozenset({b"EVENT TRIGGER", b"FOREIGN DATA WRAPPER", b"ACCESS METHOD"})
_FOR_ROLES = frozenset({b"POLICY", b"USER MAPPING"})
_EVERY_TABLE = b"FOR ALL TABLES"


def list_of_server(saved: SavedDatabase, server: Server, where: str) -> Iterator[RestoreError]:
    """Yield why this server, or this user of it, takes no new database of that kind."""
    if server.is_standby:
        yield RestoreError(
            "The server {server} is a standby: nothing can be loaded into it.",
            hint="Name the primary.",
            server=where,
        )
    if server.major < saved.manifest.major:
        yield RestoreError(
            "The database {database} is of PostgreSQL {saved}, and the server {server} is {target}: "
            "an older one may not understand it.",
            hint="Load it into PostgreSQL {saved} or newer.",
            database=saved.name,
            saved=saved.manifest.major,
            target=server.major,
            server=where,
        )
    if not server.may_create_databases:
        yield RestoreError(
            "{user} may not create a database at {server}, and a restore makes a new one beside.",
            hint="Let a superuser of that server say: {statement}\n"
            "  → Or load as one who may: in the address of --into, or by 'user' of the component. A single table "
            "(--into … --table) needs no such right.",
            user=server.user,
            server=where,
            statement=f"ALTER ROLE {quote_name(server.user)} CREATEDB;",
        )
    lacking = sorted(set(saved.manifest.extensions) - set(server.extensions))
    if lacking:
        yield RestoreError(
            "The server {server} lacks what {database} needs: the extensions {extensions}.",
            hint="Install them there, or take the image that the database came from; then run the same command again.",
            server=where,
            database=saved.name,
            extensions=", ".join(lacking),
        )


def list_of_place(
    target: DatabaseTarget, server: Server, *, may_replace: bool, keeps_owner: bool
) -> Iterator[RestoreError]:
    """Yield why a database that is there may not, or cannot, be put aside."""
    if not may_replace:
        yield TargetNotEmpty(
            "The database {database} at {server} is not empty; nothing was changed.",
            hint="Add --yes to put the restored one in its place: the old one is kept under another name. "
            "Or name a new database in the address.",
            database=target.database,
            server=str(target.access.server),
        )
    owner = server.foreign_databases.get(target.database)
    if owner is not None:
        give = f"ALTER DATABASE {quote_name(target.database)} OWNER TO {quote_name(server.user)};"
        yield RestoreError(
            "The database {database} at {server} does not belong to {user}, who could not put another in its place.",
            hint="Let a superuser of that server say: {statement}\n"
            "  → Or load as {owner} or a superuser: in the address of --into, where a new database may be named too, "
            "or by 'user' of the component.",
            database=target.database,
            server=str(target.access.server),
            user=server.user,
            owner=owner,
            statement=_let_act_for([owner], server) if keeps_owner else give,
        )


def list_of_roles(
    saved: SavedDatabase, owners: Collection[str], missing: Sequence[str], server: Server
) -> Iterator[RestoreError]:
    """Yield which owners are not there and cannot be made, and which this user may give nothing to."""
    unknown = sorted(each for each in owners if each and each not in server.roles and each not in missing)
    if unknown or (missing and not server.may_create_roles):
        yield RestoreError(
            "The roles {roles} are not there, and cannot be made by {user}.",
            hint="Create them, load as a superuser, or add --no-owner: then everything belongs to {user}.",
            roles=", ".join(unknown or missing),
            user=server.user,
        )
    foreign = sorted(each for each in owners if each in server.foreign_roles)
    if foreign:
        yield RestoreError(
            "{user} may give nothing to the roles {roles}, to whom {database} or parts of it belong.",
            hint="Let a superuser of that server say: {statement}\n"
            "  → Or add --no-owner: then everything belongs to {user}.",
            user=server.user,
            roles=", ".join(foreign),
            database=saved.name,
            statement=_let_act_for(foreign, server, is_enough=set(foreign) == {saved.manifest.owner}),
        )


def list_of_policies(
    saved: SavedDatabase, items: Iterable[Item], known: Collection[str], server: Server
) -> Iterator[RestoreError]:
    """Yield which roles, of those that are ``known`` of the old server, policies are for and are not there."""
    named = list_needed([each for each in items if each.kind in _FOR_ROLES], (), with_owners=False)
    lacking = sorted((named & set(known)) - set(server.roles))
    if lacking:
        yield RestoreError(
            "Policies or user mappings of {database} are for the roles {roles}, which are not there: --no-owner makes "
            "no roles.",
            hint="Let a superuser of that server say: {statement}\n"
            "  → Or load as a superuser, without --no-owner: then roles are made too.",
            database=saved.name,
            roles=", ".join(lacking),
            statement=" ".join(f"CREATE ROLE {quote_name(each)};" for each in lacking),
        )


def list_doubts(saved: SavedDatabase, definitions: Definitions, server: Server) -> Iterator[Finding]:
    """Yield what may fail for who is no superuser: by what the roles may do there, by a server's own rules."""
    if server.is_superuser:
        return
    user = quote_name(server.user)
    others = definitions.owners - {saved.manifest.owner, server.user, "", *server.foreign_roles}
    if others:
        yield Finding(
            code="owner-without-rights",
            severity=Severity.WARNING,
            subject=saved.name,
            template="{user} is no superuser, and parts of {database} belong to {roles}: PostgreSQL gives them those "
            "only where they may make things, and their rights are loaded last. Where they have none, the load fails.",
            hint_template="Let a superuser of that server say: {statement} And when all is back: {after}\n"
            "  → Or add --no-owner: then everything belongs to {user}.",
            values={
                "database": saved.name,
                "user": server.user,
                "roles": ", ".join(sorted(others)),
                "statement": f"ALTER ROLE {user} SUPERUSER;",
                "after": f"ALTER ROLE {user} NOSUPERUSER;",
            },
        )
    parts = sorted(set(saved.manifest.extensions) & set(server.superuser_extensions))
    parts += [each.name.decode(errors="replace") for each in definitions.items if _is_of_superusers(each)]
    if parts:
        yield Finding(
            code="superuser-needed",
            severity=Severity.WARNING,
            subject=saved.name,
            template="{database} holds what PostgreSQL lets only superusers make, and {user} is none: {parts}. Unless "
            "this server allows it all the same, as some of clouds do, the load fails.",
            hint_template="Let a superuser of that server say: {statement} And when all is back: {after}",
            values={
                "database": saved.name,
                "user": server.user,
                "parts": ", ".join(parts),
                "statement": f"ALTER ROLE {user} SUPERUSER;",
                "after": f"ALTER ROLE {user} NOSUPERUSER;",
            },
        )


def _is_of_superusers(item: Item) -> bool:
    return item.kind in _OF_SUPERUSERS or (
        item.kind == b"PUBLICATION" and any(_EVERY_TABLE in each for each in item.statements)
    )


def _let_act_for(roles: Sequence[str], server: Server, *, is_enough: bool = True) -> str:
    """Return what lets a user give things to roles. To be a member of a superuser is to be one, and is said so.

    To be a member is not enough where a role may make nothing in the new database, as only its owner may at first.
    """
    user = quote_name(server.user)
    if not is_enough or set(roles) & set(server.superusers):
        return f"ALTER ROLE {user} SUPERUSER;"
    return f"GRANT {', '.join(map(quote_name, roles))} TO {user};"
