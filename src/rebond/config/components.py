"""The parts of an application, by kind."""

from rebond.config.quantities import INSIDE, SIZE, SPAN, Bound, BoundShape, Inside, Requirement, RequirementShape
from rebond.config.references import SECRET, TEXT, Text
from rebond.config.shapes import Choice, ChoiceOrFlag, Count, Flag, ListOf, Name, Word
from rebond.config.steps import RUN, Run
from rebond.config.structs import Model, OneOf, Table, optional, required

STRATEGIES = ("complete", "smart", "compressed", "differential")
PRIORITIES = ("P0", "P1", "P2", "P3", "P4")
PATHS = ListOf(Word("path"))


class Expectations(Model):
    """What a component has to look like at the end of a backup."""

    files: Bound | None = optional(BoundShape("count"), "How many files.", default=None)
    size: Bound | None = optional(BoundShape("size"), "How many bytes.", default=None)
    newest: Bound | None = optional(BoundShape("span"), "How old the newest file is.", default=None)
    shrink: Bound | None = optional(
        BoundShape("share"), "How much smaller than last time; catches what came up unmounted.", default=None
    )


class Component(Model):
    """What every kind has."""

    kind: str = required(Word(), "What it is.")
    inside: Inside | None = optional(INSIDE, "What it lives in; else this machine.", default=None, name="in")
    volume: Text | None = optional(
        TEXT,
        "The volume that it lives in, by its name in compose; a program is asked in the running container that has it.",
        default=None,
    )
    vault: str | None = optional(Name(), "One of `vaults`; else the vault.", default=None)
    priority: str | None = optional(Choice(PRIORITIES), "How urgent it is in a restore.", default=None)
    rpo: int | None = optional(SPAN, "How much work may be lost.", default=None)
    rto: int | None = optional(SPAN, "How long until it is back.", default=None)
    expect: Expectations | None = optional(
        Table(Expectations), "What it has to look like at the end of a backup.", default=None
    )
    restart: str | None = optional(Word(), "The command that restarts it; `{part}` is a part's name.", default=None)
    rebuild: str | None = optional(Word(), "The command that makes it anew, for the runbook.", default=None)


class Files(Component):
    """Directories and files."""

    path: str | None = optional(Word("path"), "The directory or file.", default=None)
    paths: tuple[str, ...] = optional(PATHS, "Several, with `*` and `**`.", default=())
    exclude: tuple[str, ...] = optional(
        ListOf(Word("pattern")), "What is left out, by the rules of .gitignore.", default=()
    )
    exclude_from: tuple[str, ...] = optional(PATHS, "Files of such patterns.", default=())
    exclude_if_present: tuple[str, ...] = optional(
        ListOf(Word("name")), "Leave out directories that hold this name.", default=()
    )
    omit: tuple[str, ...] = optional(
        ListOf(Word("pattern")), "What other components save: left out here, and not missed.", default=()
    )
    larger_than: int | None = optional(SIZE, "Leave out files larger than this.", default=None)
    one_file_system: bool = optional(Flag(), "Stay on the file system of the path.", default=False)
    gitignore: bool = optional(Flag(), "Honour .gitignore files too.", default=False)
    allow_empty: bool = optional(Flag(), "An empty directory is meant.", default=False)
    strategy: str | None = optional(
        Choice(STRATEGIES), "`smart` leaves out .git, logs and temporary files; `complete` nothing.", default=None
    )
    parts: tuple[str, ...] = optional(PATHS, "What can be restored and restarted by name.", default=())
    require: tuple[Requirement, ...] = optional(ListOf(RequirementShape()), "What has to be there.", default=())


class FileReference(Model):
    """Where a database names files of another component."""

    sql: str = required(Word(), "A query whose first column is the path of a file, or nothing.")
    component: str = required(Word("component"), "Which component holds the files.")
    below: str = optional(Word("path"), "What the paths are relative to, in that component.", default="")


class Postgres(Component):
    """PostgreSQL."""

    url: Text | None = optional(TEXT, "The address of the server and database, without a password.", default=None)
    host: Text | None = optional(TEXT, "The server.", default=None)
    port: int | None = optional(Count(1, 65535), "Its port.", default=None)
    database: Text | None = optional(TEXT, "The database.", default=None)
    databases: tuple[Text, ...] = optional(ListOf(TEXT), 'Several; `["*"]` is all, with roles.', default=())
    user: Text | None = optional(TEXT, "As whom.", default=None)
    password: Text | None = optional(SECRET, "Its password.", default=None)
    jobs: int | None = optional(
        Count(1, 64), "How many sessions read at once; else as many as processors, four at most.", default=None
    )
    references: tuple[FileReference, ...] = optional(
        ListOf(Table(FileReference)),
        "The files that it names; a snapshot that lacks one of them is degraded, and says which.",
        default=(),
    )
    file_fields: bool = optional(
        Flag(), "Find the columns of Django's models that name files, and look these files up.", default=True
    )
    not_files: tuple[str, ...] = optional(
        ListOf(Word("column")), "Columns that are not looked up: `table.column`, with `*`.", default=()
    )
    method: str = optional(
        Choice(("logical", "physical")), "A dump, or the data directory with its write-ahead log.", default="logical"
    )
    wal: str | None = optional(
        Choice(("receive", "archive-command")), "How the write-ahead log comes: physical only.", default=None
    )
    wal_user: str = optional(Word(), "As whom the server runs here, who may hand over its log.", default="postgres")
    window: int | None = optional(SPAN, "How far back any second can be reached: physical only.", default=None)
    data_directory: str | None = optional(
        Word("path"),
        "The data directory on this machine: only what changed is read (`summarize_wal`). Physical with `wal`.",
        default=None,
    )
    manifest_sums: str | None = optional(
        Choice(("crc32c", "sha256")),
        "The sums in the manifest of a physical backup; else crc32c where its library is installed.",
        default=None,
    )


class Sqlite(Component):
    """SQLite databases, copied while they are used."""

    path: str | None = optional(Word("path"), "The database.", default=None)
    paths: tuple[str, ...] = optional(PATHS, "Several, with `*` and `**`.", default=())
    references: tuple[FileReference, ...] = optional(
        ListOf(Table(FileReference)),
        "The files that it names; a snapshot that lacks one of them is degraded, and says which.",
        default=(),
    )


class Mysql(Component):
    """MySQL or MariaDB, by its own tools."""

    url: Text | None = optional(TEXT, "The address of the server, without a password.", default=None)
    host: Text | None = optional(TEXT, "The server.", default=None)
    port: int | None = optional(Count(1, 65535), "Its port.", default=None)
    database: Text | None = optional(TEXT, "The database.", default=None)
    databases: tuple[Text, ...] = optional(ListOf(TEXT), 'Several; `["*"]` is all.', default=())
    user: Text | None = optional(TEXT, "As whom.", default=None)
    password: Text | None = optional(SECRET, "Its password.", default=None)


class Redis(Component):
    """Redis or Valkey, whose data is worth keeping."""

    url: Text | None = optional(TEXT, "The address of the server, without a password.", default=None)
    host: Text | None = optional(TEXT, "The server.", default=None)
    port: int | None = optional(Count(1, 65535), "Its port.", default=None)
    user: Text | None = optional(TEXT, "As whom.", default=None)
    password: Text | None = optional(SECRET, "Its password.", default=None)


class Command(Component):
    """What a command writes."""

    run: Run = required(RUN, "The command whose output is saved.")
    restore: Run | None = optional(RUN, "The command that takes it back on its input.", default=None)
    end_mark: str | None = optional(Word(), "Text within the last 1,024 bytes of a whole output.", default=None)
    length: Run | None = optional(RUN, "A command that says how many bytes a whole output has.", default=None)
    timeout: int | None = optional(SPAN, "How long it may take.", default=None)
    user: Text | None = optional(TEXT, "As whom it runs.", default=None)
    allow_empty: bool = optional(Flag(), "No output is meant.", default=False)


class Django(Component):
    """Django's portable export."""

    manage: str = optional(Word("path"), "Where `manage.py` is.", default="manage.py")
    python: str = optional(Word(), "The Python that runs it.", default="python")
    settings: Text | None = optional(TEXT, "The settings module; else the project's own.", default=None)
    include_media: bool = optional(Flag(), "Save the files of `MEDIA_ROOT` as well.", default=False)
    omit: tuple[str, ...] = optional(ListOf(Word("app or model")), "What is left out.", default=())


class ClusterSecrets(Model):
    """Which Secrets of Kubernetes are saved."""

    context: Text | None = optional(TEXT, "The context; else the stack's.", default=None)
    namespace: Text | None = optional(TEXT, "The namespace; else the stack's.", default=None)
    names: tuple[str, ...] = optional(ListOf(Word()), "Their names, with `*`; else all.", default=())
    selector: str | None = optional(Word(), "A label selector.", default=None)
    omit_types: tuple[str, ...] = optional(ListOf(Word()), "Types that are left out.", default=())


class HashicorpSecrets(Model):
    """Which secrets of HashiCorp Vault or OpenBao are saved."""

    address: Text = required(TEXT, "Where it answers.")
    mount: str = optional(Word(), "The mount of its KV engine.", default="secret")
    paths: tuple[str, ...] = optional(ListOf(Word()), "Paths, with `*`; else all.", default=())
    token: Text | None = optional(SECRET, "What opens it.", default=None)
    namespace: Text | None = optional(TEXT, "The namespace.", default=None)


class Secrets(Component):
    """Key files and `.env`, Secrets of Kubernetes, secrets of HashiCorp Vault."""

    path: str | None = optional(Word("path"), "A file.", default=None)
    paths: tuple[str, ...] = optional(PATHS, "Several, with `*` and `**`.", default=())
    kubernetes: ClusterSecrets | None = optional(Table(ClusterSecrets), "Secrets of Kubernetes.", default=None)
    hashicorp: HashicorpSecrets | None = optional(Table(HashicorpSecrets), "Secrets of HashiCorp Vault.", default=None)


class Images(Component):
    """Container images: tags and digests, and those that no registry holds."""

    save: str = optional(
        ChoiceOrFlag(known=("none", "local-only", "all"), if_true="local-only", if_false="none"),
        "Which are saved whole, besides their tags and digests; `true` is `local-only`.",
        default="none",
    )


class Versioned(Component):
    """What lies in Git: nothing is saved, but it has to be clean and pushed."""

    path: str = optional(Word("path"), "The working tree.", default=".")
    remote: str = optional(Word(), "Where it is pushed to.", default="origin")


class Regenerable(Component):
    """What a command makes anew: nothing is saved."""

    run: Run = required(RUN, "The command that makes it.")
    timeout: int = optional(SPAN, "How long it may take.", default=600)
    user: Text | None = optional(TEXT, "As whom it runs.", default=None)


class Ephemeral(Component):
    """What may be lost: nothing is saved."""


KINDS: dict[str, type[Component]] = {
    "files": Files,
    "postgres": Postgres,
    "sqlite": Sqlite,
    "mysql": Mysql,
    "redis": Redis,
    "command": Command,
    "django": Django,
    "secrets": Secrets,
    "images": Images,
    "versioned": Versioned,
    "regenerable": Regenerable,
    "ephemeral": Ephemeral,
}
NOTHING_TO_SAVE = (Regenerable, Ephemeral)
COMPONENT = OneOf(KINDS)
