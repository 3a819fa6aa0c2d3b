"""``rebond wal settings`` and ``adopt``: how a server is to archive, and who may."""

import os

import click

from rebond.cli.configuration.at_hand import require_configuration
from rebond.cli.grammar.verbs import option, verb
from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import answer, require_consent
from rebond.cli.output.observing import describe_finding
from rebond.cli.output.speech import tr
from rebond.cli.vaults.opening import vault_at_hand
from rebond.cli.wal.at_hand import owner_of, wal_socket_of
from rebond.cli.wal.components import choose_component, choose_components
from rebond.config.components import Postgres
from rebond.config.model import Loaded
from rebond.errors import SourceError, SourceUnfit
from rebond.operations.wal.archiving import WalArchive, WalFile
from rebond.operations.wal.archiving import adopt as adopt_cluster
from rebond.service.wal_socket import describe_place
from rebond.sources.postgres.wal_names import is_history
from rebond.sources.postgres.wal_pages import read_control
from rebond.stack.wal import ask_server
from rebond.stack.wal_lines import SLOT, archive_command, list_settings, quote_setting, restore_command


@verb(
    "settings",
    help="Print the lines for postgresql.conf that keep the write-ahead log as the configuration says, and the line "
    "with which a server that recovers gets it back.",
    example="rebond wal settings --component database",
)
@option("--component", default="", metavar="NAME", help="Only this one.")
@click.pass_obj
def settings(invocation: Invocation, component: str) -> None:
    """Ask the server for its version where it answers; the lines are right without it too."""
    loaded = require_configuration(invocation)
    chosen = choose_components(loaded, component)
    documents = [_describe(invocation, loaded, name, each, is_only=len(chosen) == 1) for name, each in chosen.items()]
    answer(invocation, documents, "\n\n".join(str(each["text"]) for each in documents))


def _describe(
    invocation: Invocation, loaded: Loaded, name: str, component: Postgres, *, is_only: bool
) -> dict[str, object]:
    try:
        major: int | None = ask_server(name, component, loaded).major
    except SourceError:
        major = None
    configuration = loaded.files[0].absolute()
    socket = wal_socket_of(invocation, loaded)
    command = archive_command(configuration=configuration, socket=socket, component="" if is_only else name)
    lines = list_settings(component, command=command, major=major)
    fetch = restore_command(configuration=configuration, socket=socket)
    width = max(len(f"{setting} = {value}") for setting, value, _ in lines if len(value) < 40)
    remarks = {"restart": tr("needs a restart"), "reload": tr("needs a reload")}
    text = [f"# {tr('for postgresql.conf of {component}', component=name)}"]
    text += [f"{f'{setting} = {value}':{width}}  # {remarks[remark]}" for setting, value, remark in lines]
    if component.wal == "receive":
        text.append(f"# {tr('the slot is made by itself')}: {SLOT}")
    text += ["", f"# {tr('for a server that recovers, beside recovery.signal')}"]
    text += [f"restore_command = {quote_setting(fetch)}", "archive_mode = off"]
    return {
        "component": name,
        "settings": {setting: value.strip("'") if value.startswith("'") else value for setting, value, _ in lines},
        "restore_command": fetch,
        "socket": str(socket),
        "text": "\n".join(text),
    }


@verb(
    "adopt",
    help="Let the server with this data directory archive for a component from now on. Needed once after pg_upgrade "
    "or initdb, and after a server was moved to another disk or machine. Never do it for a copy of a server that "
    "still runs.",
    example="rebond wal adopt --data /var/lib/postgresql/17/main",
)
@option("--component", default="", metavar="NAME", help="The component; needed where several keep a log.")
@option("--data", required=True, metavar="DIR", help="The data directory.")
@option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def adopt(invocation: Invocation, component: str, data: str, yes: bool) -> None:
    """Write it down in the vault, where every process that archives looks."""
    loaded = require_configuration(invocation)
    name, _ = choose_component(loaded, component)
    try:
        with open(os.path.join(data, "global", "pg_control"), "rb") as file:
            system_id, timeline = read_control(file.read(4096))
        place = describe_place(os.stat(os.path.join(data, "PG_VERSION")).st_ino)
        histories = _read_histories(os.path.join(data, "pg_wal"))
    except OSError as error:
        raise SourceUnfit(
            "{path} cannot be read as a data directory of PostgreSQL: {reason}.",
            hint="Name the directory with PG_VERSION in it, and run this as its user or as root.",
            path=data,
            reason=error.strerror or str(error),
        ) from None
    require_consent(
        invocation,
        tr(
            "Shall {path} (cluster {system}, timeline {timeline}) archive for {component}?",
            path=data,
            system=system_id,
            timeline=timeline,
            component=name,
        ),
        is_given=yes,
    )
    with vault_at_hand(invocation, lambda finding: click.echo(describe_finding(finding), err=True)) as at_hand:
        owner = owner_of(loaded, name)
        adopt_cluster(at_hand.live, owner, system_id, timeline, place)
        archive = WalArchive(lambda: at_hand.live, owner=owner)
        for each, content in histories.items():
            archive.push(WalFile(name=each, content=content, system_id=system_id, place=place))
    answer(
        invocation,
        {"component": name, "system_id": str(system_id), "timeline": timeline},
        tr(
            "From now on cluster {system} archives for {component}. Once it does, save it, so that a new base begins: "
            "rebond backup {component}",
            system=system_id,
            component=name,
        ),
    )


def _read_histories(folder: str) -> dict[str, bytes]:
    """Return where the timelines of a server come from: one that it took while it archived nothing is never sent."""
    histories = {}
    for name in sorted(filter(is_history, os.listdir(folder))):
        with open(os.path.join(folder, name), "rb") as file:
            histories[name] = file.read()
    return histories
