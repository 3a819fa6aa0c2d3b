"""Loading saved databases into the server of a drill, and asking them."""

import re
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path

from rebond.errors import CommandFailed, RebondError
from rebond.operations.drills.outcomes import Answer, Check
from rebond.sources.postgres.names import quote_name, quote_text
from rebond.sources.postgres.own_server import OwnServer
from rebond.sources.streams.whole_output import read_output
from rebond.stack.drills.saved_databases import SavedDatabase, SavedManifest
from rebond.stack.drills.throw_away_server import ThrowAwayServer, check_extensions

_TABLESPACE = re.compile(r"^(CREATE TABLESPACE .* LOCATION )'.*';$", re.MULTILINE)
_LISTS = frozenset({"search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries"})
_PROVIDERS = {"i": "icu", "b": "builtin"}


class LoadedDatabases:
    """The databases of one component: ``load`` makes them stand, then they can be asked."""

    def __init__(self, stage: ThrowAwayServer, folder: Path, databases: Sequence[SavedDatabase], *, jobs: int) -> None:
        """``folder`` is where the component's tree was put."""
        self._stage = stage
        self._folder = folder
        self._jobs = jobs
        self.databases = databases
        self.standing: dict[str, SavedDatabase] = {}

    @property
    def server(self) -> OwnServer:
        """Where they stand. Raises what kept it from being made."""
        return self._stage.server

    def load(self) -> Iterator[Check]:
        """Load every database, and say of each that it stands. Raises ``SourceError`` for the first that does not."""
        server = self.server
        self._load_globals(server)
        for each in self.databases:
            name = each.manifest.database
            check_extensions(server, name, each.manifest.extensions)
            yield from _create(server, each.manifest, self._stage.component)
            self._load_one(server, each)
            self.standing[name] = each
            yield Check(
                code="loaded",
                subject=self._stage.component,
                answer=Answer.PASS,
                template="The database {database} was loaded into PostgreSQL {major} and answers: {tables} tables.",
                values={"database": name, "major": server.programs.major, "tables": len(each.manifest.tables)},
            )

    def _load_globals(self, server: OwnServer) -> None:
        path = self._folder / "globals.sql"
        if not path.exists():
            return
        text = path.read_text(errors="surrogateescape")
        for number in range(len(_TABLESPACE.findall(text))):
            place = server.make_folder(f"tablespace-{number}")
            # Where production has them, production's files lie.
            text = _TABLESPACE.sub(lambda found, place=place: f"{found[1]}{quote_text(str(place))};\n", text, count=1)  # type: ignore[misc]
        script = self._folder / "globals.drill.sql"
        script.write_text(text, errors="surrogateescape")
        words = [server.programs.psql, "-X", "-w", "-q", "-d", server.connection("postgres"), "-f", str(script)]
        read_output(lambda: server.open(words), program="psql")  # a role that is there already complains, and stays

    def _load_one(self, server: OwnServer, database: SavedDatabase) -> None:
        script = resources.files("rebond.sources.postgres").joinpath("restore.sh").read_text()
        folder = self._folder / database.folder if database.folder else self._folder
        # Our own script, as if it lay beside the files: what lies there was never looked at by anybody.
        words = ["sh", "-c", script, str(folder / "restore.sh")]
        words += [server.connection(database.manifest.database), str(self._jobs)]
        try:
            read_output(lambda: server.open(words, directory=str(folder)), program="restore.sh")
        except CommandFailed as error:
            raise CommandFailed(
                "The database {database} does not load: {words}",
                hint="Save it again; then see what is different with 'rebond diff'.",
                database=database.manifest.database,
                words=str(error.values.get("words") or error.message),
            ) from error


def _create(server: OwnServer, manifest: SavedManifest, component: str) -> Iterator[Check]:
    """Make an empty database as it was, or nearly, and say what is different."""
    name = quote_name(manifest.database)
    if manifest.database not in {"postgres", "template1"}:
        plain = f"CREATE DATABASE {name} TEMPLATE template0 ENCODING {quote_text(manifest.encoding)}"
        try:
            server.ask(f"{plain}{_describe_locale(manifest)}", "template1")
        except CommandFailed as error:
            server.ask(f"{plain} LC_COLLATE 'C' LC_CTYPE 'C'", "template1")
            yield Check(
                code="locale",
                subject=component,
                answer=Answer.NOT_RUN,
                template="The locale {collate} of the database {database} is not available here, so its order of text "
                "was not tried: {reason}",
                hint_template="Generate it: locale-gen {collate}",
                values={"database": manifest.database, "collate": manifest.collate, "reason": _words_of(error)},
            )
    for role, settings in manifest.settings.items():
        for each in settings:
            _apply_setting(server, name, role, each)


def _describe_locale(manifest: SavedManifest) -> str:
    provider = _PROVIDERS.get(str(manifest.details.get("datlocprovider", "")), "")
    text = ""
    if manifest.collate:
        text = f" LC_COLLATE {quote_text(manifest.collate)} LC_CTYPE {quote_text(manifest.ctype or manifest.collate)}"
    locale = manifest.details.get("datlocale") or manifest.details.get("daticulocale")
    if provider and isinstance(locale, str):
        return f"{text} LOCALE_PROVIDER {provider} {provider.upper()}_LOCALE {quote_text(locale)}"
    return text


def _apply_setting(server: OwnServer, database: str, role: str, setting: str) -> None:
    """Put a setting of the database back; one that this server does not know proves nothing, and is left out."""
    name, _, value = setting.partition("=")
    shown = value if name in _LISTS else quote_text(value)
    start = f"ALTER ROLE {quote_name(role)} IN DATABASE {database}" if role else f"ALTER DATABASE {database}"
    try:
        server.ask(f"{start} SET {name} = {shown}", "template1")
    except RebondError:
        return


def _words_of(error: RebondError) -> str:
    return str(error.values.get("words") or error.message)
