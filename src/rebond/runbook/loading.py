"""How what is no file of this machine is given back to the program that it belongs to, by hand."""

from rebond.config.components import Command, Component, Images, Mysql, Postgres, Redis, Secrets
from rebond.pages.words import Code, Text, say
from rebond.runbook.came_back import came_back
from rebond.runbook.describing import show_run
from rebond.runbook.facts import Facts


def describe_loading(facts: Facts, name: str, component: Component) -> tuple[Text, ...]:
    """Return the sentences about a component that came back into a folder beside."""
    back = came_back(name)
    match component:
        case Secrets():
            return _load_secrets(back)
        case Postgres(method="physical"):
            return _start_data_directory(back)
        case Postgres():
            return _load_postgres(back)
        case Mysql():
            command = Code(f"mysql --binary-mode --comments < {back}/{name}.sql")
            return (say("Load it: {command}", command=command),)
        case Redis():
            file = Code(f"{name}.rdb")
            return (say("Stop the server, put {file} in the place of its dump file, start it.", file=file),)
        case Images():
            return (
                say(
                    "`images.json` names tags and digests; what no registry holds is there as archives: {command}",
                    command=Code(f"{facts.engine} load -i FILE"),
                ),
            )
        case Command() if component.restore:
            return (
                say(
                    "It is taken back by {command}, which reads {file} on its input.",
                    command=Code(show_run(component.restore)),
                    file=Code(f"{name}/{name}"),
                ),
            )
    return (
        say(
            "Put it in its place by hand: stop what uses it, move the old one aside, move the new one "
            "there, start again."
        ),
    )


def _load_secrets(back: str) -> tuple[Text, ...]:
    return (
        say("Secrets of Kubernetes: {command}", command=Code(f"kubectl apply -f {back}/…/")),
        say(
            "Secrets of HashiCorp Vault, one by one: {command}",
            command=Code(f"vault kv put -mount=… PATH @{back}/data/PATH.json"),
        ),
    )


def _start_data_directory(back: str) -> tuple[Text, ...]:
    return (
        say(
            "The folder is a data directory of PostgreSQL. The last lines of the restore say how it is started on this "
            "machine: by the programs of its version, at a free port, as the user that it belongs to. Such as: "
            "{command}",
            command=Code(
                f"runuser -u postgres -- /usr/lib/postgresql/…/bin/pg_ctl -D {back} -o '-p 5433 -k /tmp' -w start"
            ),
        ),
        say(
            "It replays its log up to the moment that was asked for, and answers before that is over: it is "
            "there once {query} says f. Then look at it before it takes over.",
            query=Code("SELECT pg_is_in_recovery()"),
        ),
    )


def _load_postgres(back: str) -> tuple[Text, ...]:
    return (
        say(
            "The folder holds all that is needed and a program that loads it with {program} alone, into "
            "an empty database: {command}",
            program=Code("psql"),
            command=Code(f'sh {back}/restore.sh "host=… dbname=… user=…" 2'),
        ),
        say(
            "Roles come first, on a new server: {command}",
            command=Code(f"psql -d postgres -f {back}/globals.sql"),
        ),
        say("Load it under another name, look at it, then rename both: the old one stays until you drop it."),
    )
