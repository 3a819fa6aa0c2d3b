"""What a service of compose is, by its image and mounts: a database, what may be lost, or neither."""

import os
import re
from pathlib import Path, PurePosixPath

from rebond.stack.discovery.compose_model import ComposeStack, Mount, Service

LABEL = "rebond."
LABELLED_KINDS = ("postgres", "mysql", "redis", "ephemeral", "files")
_SERVERS = (
    ("postgres", {"postgres", "postgresql", "postgis", "timescaledb", "timescale", "pgvector", "pgautoupgrade"}),
    ("mysql", {"mysql", "mariadb", "percona"}),
    ("redis", {"redis", "valkey", "memcached", "keydb", "varnish"}),
)
_BESIDE = re.compile(  # an image with such a word speaks to a server, and is none
    r"exporter|backups?|admin|adminer|bouncer|pool|pgpool|commander|insight|client|tools?|worker|proxy|operator|dump|"
    r"migrat\w*|router|sentinel|web|ui|api|app|restore|monitor|agent|s3|cron"
)
_HELPERS = re.compile(r"exporter|backups?|dump|restore|migrat\w*|monitor|agent|s3|cron|tools?|client|archiver")
_OTHER_STORES = re.compile(
    r"mongo\w*|elasticsearch|opensearch|solr|clickhouse|influxdb|couchdb|couchbase|cassandra|scylla|neo4j|arangodb|"
    r"rabbitmq|kafka|redpanda|nats|minio|seaweedfs|meilisearch|typesense|qdrant|weaviate|milvus|mssql|oracle|cockroach|"
    r"cockroachdb|etcd|consul|vault|prometheus|victoriametrics|questdb|surrealdb|rethinkdb|openldap|gitea|forgejo|gitlab"
)
_DATA = {
    "postgres": ("/var/lib/postgresql", "/var/lib/pgsql", "/bitnami/postgresql", "/home/postgres/pgdata"),
    "mysql": ("/var/lib/mysql", "/bitnami/mysql", "/bitnami/mariadb"),
    "redis": ("/data", "/var/lib/redis", "/bitnami/redis", "/bitnami/valkey"),
}
_BY_DATA = ("postgres", "mysql")  # /data is anybody's
_SERVER_PROGRAMS = re.compile(r"postgres|mysqld(_safe)?|mariadbd(-safe)?|(docker-)?entrypoint\.sh|run\.sh")
_SERVER_VARIABLES = re.compile(
    r"(POSTGRES|POSTGRESQL|MYSQL|MARIADB)_(ROOT_|POSTGRES_|RANDOM_ROOT_)?(PASSWORD|DB|DATABASE|USER|INITDB_ARGS)(_FILE)?"
)
_STORE_FOLDERS = re.compile(r"data|db|storage")


def find_kind(service: Service) -> str:
    """Return ``postgres``, ``mysql``, ``redis`` (what may be lost), or nothing.

    Who may write to the data of a database is one, whatever its image is called: ``app-db`` is no application.
    """
    words = _split(service.image_name)
    if not any(_BESIDE.fullmatch(each) for each in words):
        for kind, names in _SERVERS:
            if names & set(words):
                return kind
    for kind in _BY_DATA:
        if any(holds_data(service, each, kind) and _is_written(each) for each in service.mounts):
            return kind
    return ""


def kind_of(service: Service, stack: ComposeStack) -> str:
    """Return what the label ``rebond.kind`` says a service is, where it says something that is known; else its kind.

    Of several services that write to the data of one database, one is that database: the others help it.
    """
    said = service.labels.get(f"{LABEL}kind", "")
    if said in LABELLED_KINDS:
        return said
    kind = find_kind(service)
    return "" if kind in _BY_DATA and find_server_beside(service, stack) else kind


def find_server_beside(service: Service, stack: ComposeStack) -> Service | None:
    """Return the database whose data a service has mounted as well; ``None`` where it is that database itself."""
    sharing = [each for each in stack.services.values() if each.is_active and _share_data(each, service)]
    server = max(sharing, key=_weigh_server, default=service)
    return None if server.name == service.name else server


def _share_data(one: Service, other: Service) -> bool:
    kind = find_kind(other)
    if one.name == other.name:
        return True
    return kind in _BY_DATA and any(
        _is_written(each) and holds_data(one, each, kind) and _is_one_place(each, own)
        for each in one.mounts
        for own in other.mounts
        if holds_data(other, own, kind)
    )


def _is_one_place(one: Mount, other: Mount) -> bool:
    """Say whether two mounts are of one volume that has a name, or of folders that lie in one another."""
    if not one.source or not other.source or one.is_volume is not other.is_volume:
        return False
    first, second = PurePosixPath(one.source), PurePosixPath(other.source)
    return first == second or (not one.is_volume and (first.is_relative_to(second) or second.is_relative_to(first)))


def _weigh_server(service: Service) -> tuple[bool, ...]:
    """Return how much says that a service is the database itself and no helper; of equals, the first one counts."""
    words = _split(service.image_name)
    is_named = any(names & set(words) for kind, names in _SERVERS if kind in _BY_DATA)
    said = service.labels.get(f"{LABEL}kind", "")
    first = PurePosixPath(service.words[0]).name if service.words else ""
    is_beside = any(_BESIDE.fullmatch(each) for each in words)
    return (
        said in _BY_DATA,
        is_named and not is_beside,
        not any(_HELPERS.fullmatch(each) for each in words),
        not is_beside,
        not first or first.startswith("-") or bool(_SERVER_PROGRAMS.fullmatch(first)),
        any(_SERVER_VARIABLES.fullmatch(each) for each in service.variables),
        is_named,
    )


def writes_its_own_store(service: Service) -> bool:
    """Say whether a service is a store of another kind, whose files are no copy of it while it runs."""
    words = _split(service.image_name)
    if not any(_OTHER_STORES.fullmatch(each) for each in words):
        return False
    return not any(_BESIDE.fullmatch(each) for each in words) or any(
        _is_written(mount) and any(_is_store_folder(each) for each in _split(mount.target.lower()))
        for mount in service.mounts
    )


def holds_data(service: Service, mount: Mount, kind: str) -> bool:
    """Say whether a mount is where a database of that kind keeps its data: its component saves what is there."""
    folders = _DATA.get(kind, ())
    own = service.text_of("PGDATA") if kind == "postgres" else ""
    if own and mount.target != "/" and PurePosixPath(own).is_relative_to(mount.target):
        return True
    return _is_at_or_below(mount.target, folders)


def find_live_directories(stack: ComposeStack, directory: Path) -> dict[str, str]:
    """Return the directories below ``directory`` in which a database of compose lives, with the service's name.

    What is copied there while the database runs is no copy of it. Other mounts of its service are not meant: scripts
    that it starts with, or dumps that it leaves. Nor is a service that no component saves, for its profile sleeps.
    """
    found = {}
    for service in stack.services.values():
        kind = kind_of(service, stack) if service.is_active else ""
        for mount in service.mounts:
            path = Path(mount.source)
            is_below = bool(mount.source) and path != directory and path.is_relative_to(directory)
            is_folder = os.path.isdir(path) or not os.path.exists(path)
            if kind and holds_data(service, mount, kind) and not mount.is_volume and is_below and is_folder:
                found[str(path.relative_to(directory))] = service.name
    return found


def _is_written(mount: Mount) -> bool:
    return not mount.is_read_only and not mount.target.endswith(".sock")


def _is_store_folder(word: str) -> bool:
    return bool(_STORE_FOLDERS.fullmatch(word) or _OTHER_STORES.fullmatch(word))


def _split(text: str) -> list[str]:
    return [each for each in re.split(r"[^a-z0-9]+", text) if each]


def _is_at_or_below(target: str, folders: tuple[str, ...]) -> bool:
    return any(PurePosixPath(target).is_relative_to(each) for each in folders)
