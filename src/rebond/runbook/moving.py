"""The lines that put what came back beside in its place by hand, with what was there kept."""

import os

from rebond.config.components import Files, Secrets, Sqlite
from rebond.pages.shell_words import quote
from rebond.pages.words import Code, Text, say
from rebond.runbook.facts import Facts
from rebond.stack.contained_files import place_below
from rebond.stack.databases import ConfiguredDatabases
from rebond.stack.file_trees import ConfiguredFiles, fixed_part, is_glob
from rebond.stack.secrets import find_top

STAMP = "$(date +%Y%m%d-%H%M%S)"
Move = tuple[tuple[Text, ...], tuple[str, ...]]


def move_files(facts: Facts, name: str, component: Files) -> Move:
    """Return how a folder, a file, or what fits several paths goes back to where it was saved."""
    paths = (component.path,) if component.path else component.paths
    begins = ConfiguredFiles(name, component, stack_root=facts.machine.root, strategy="").root
    is_one = len(paths) == 1 and not is_glob(os.fsencode(facts.machine.root / paths[0]))
    if not is_one or begins == os.path.normpath(os.fsencode(facts.machine.root)):
        return _copy_over(name, begins)
    target = os.fsdecode(begins)
    source = f"{name}/{os.path.basename(target)}" if name in facts.single_files else name
    words = (
        say("To put it in its place by hand: stop what writes there, move the old one aside, move the new one there."),
    )
    old = quote(target)
    return words, (f"[ ! -e {old} ] || mv {old} {old}.before-{STAMP}", f"mv -T {_below(source)} {old}")


def move_secrets(facts: Facts, name: str, component: Secrets) -> Move:
    """Return how files of secrets go back to where they were saved."""
    paths = (*((component.path,) if component.path else ()), *component.paths)
    return _copy_over(name, find_top(os.fsencode(facts.machine.root), paths, is_volume=False)[0])


def move_databases(facts: Facts, name: str, component: Sqlite) -> Move:
    """Return how databases of SQLite go back, each with the two files beside it out of the way."""
    paths = (*((component.path,) if component.path else ()), *component.paths)
    words = (
        say(
            "To put it in its place by hand: stop what uses the database, move the old one aside with what SQLite "
            "keeps beside it (its log and its journal would be read into the new one), move the new one there."
        ),
    )
    target = os.path.normpath(facts.machine.root / paths[0])
    if len(paths) > 1 or is_glob(os.fsencode(target)):
        begins = os.fsdecode(ConfiguredDatabases(name, component, stack_root=facts.machine.root).top)
        moving = f'old="$top${{new#"$TO"/{name}}}"; {_set_aside("$old")}; mv -T "$new" "$old"'
        each = quote(f"top=$1; shift; for new; do {moving}; done")
        return words, (f'find "$TO/{name}" -type f -exec sh -c {each} sh {quote(begins)} {{}} +',)
    old = quote(target)
    return words, (
        f"old={old}; {_set_aside('$old')}",
        f"mv -T {_below(f'{name}/{os.path.basename(target)}')} {old}",
    )


def _set_aside(old: str) -> str:
    """Return how a database leaves its place with all that SQLite would read into another one there."""
    companions = " ".join(f'"{old}{ending}"' for ending in ("", "-wal", "-shm", "-journal"))
    return f'for each in {companions}; do [ ! -e "$each" ] || mv "$each" "$each.before-{STAMP}"; done'


def copy_in(facts: Facts, name: str, component: Files) -> Move:
    """Return how files go back into a container, a pod, or a volume."""
    if component.inside is None:
        return _copy_into_volume(facts, name, component)
    top = _find_top(component)
    engine, inside, source = component.inside.engine, component.inside.name, f'"$TO/{name}/."'
    into = quote(f"{inside}:{top}")
    if engine == "kubernetes":
        taking = f"kubectl exec -i {quote(inside)} -- tar -C {quote(top)} -xf -"
        line = f'tar -C "$TO/{name}" -cf - . | {taking}'
    elif engine == "compose":
        files = "".join(f" -f {quote(each)}" for each in facts.configuration.stack.compose)
        line = f"docker compose{files} cp {source} {into}"
    else:
        line = f"{engine} cp {source} {into}"
    return (say("It lives in a container. Stop what writes to it, then copy it in:"), Code(line)), ()


def _copy_into_volume(facts: Facts, name: str, component: Files) -> Move:
    """Return how files go into the folder of a volume, which compose calls by another name than the engine does."""
    volume = component.volume if isinstance(component.volume, str) else "NAME"
    found = f"$(docker volume ls -q --filter {quote(f'label=com.docker.compose.volume={volume}')})"
    place = f'"{found}"' if facts.configuration.stack.compose else quote(volume)
    below = quote(component.path.strip("/")) if component.path and component.path.strip("/.") else ""
    lines = (
        f"docker volume inspect -f '{{{{.Mountpoint}}}}' {place}",
        f'cp -a --backup=numbered "$TO/{name}/." "$(docker volume inspect -f \'{{{{.Mountpoint}}}}\' {place})"/{below}',
    )
    return (
        say(
            "It lives in a volume. Stop what writes to it. As root: {first} names its folder; if it names exactly one, "
            "{second} copies it in, and what was there before is kept with {mark} at the end of its name.",
            first=Code(lines[0]),
            second=Code(lines[1]),
            mark=Code("~"),
        ),
    ), ()


def _find_top(component: Files) -> str:
    """Return where a tree in a container begins, as it was saved."""
    paths = (component.path,) if component.path else component.paths
    wanted = [place_below(b"", os.fsencode(each)) for each in paths] or [b"/"]
    if len(wanted) == 1 and not is_glob(wanted[0]):
        return os.fsdecode(wanted[0])
    return os.fsdecode(os.path.commonpath([fixed_part(each) for each in wanted]))


def _copy_over(name: str, begins: bytes) -> Move:
    words = (
        say(
            "To put it in its place: stop what uses it, then copy it over what is there. What was there "
            "before is kept beside it, with {mark} at the end of its name.",
            mark=Code("~"),
        ),
    )
    target = quote(os.path.join(os.fsdecode(begins), ""))
    return words, (f'cp -a --backup=numbered "$TO/{name}/." {target}',)


def _below(path: str) -> str:
    """Return a path below the folder that things came back into, as a word for a shell."""
    return f'"$TO"/{quote(path)}' if quote(path) != path else f'"$TO/{path}"'
