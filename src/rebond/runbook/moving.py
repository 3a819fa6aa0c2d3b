"""The lines that put what came back beside in its place by hand, with what was there kept."""

import os

from rebond.config.components import Files, Secrets, Sqlite
from rebond.pages.shell_words import quote
from rebond.pages.words import Code, Text, say
from rebond.runbook.facts import Facts
from rebond.stack.contained_files import find_beginning
from rebond.stack.databases import ConfiguredDatabases
from rebond.stack.file_trees import ConfiguredFiles
from rebond.stack.secrets import find_top
from rebond.stack.wanted_paths import WantedPath

STAMP = "$(date +%Y%m%d-%H%M%S)"
Move = tuple[tuple[Text, ...], tuple[str, ...]]
_WAY = 'mkdir -p "${old%/*}"'
_VOLUME = "label=com.docker.compose.volume="


def move_files(facts: Facts, name: str, component: Files) -> Move:
    """Return how a folder, a file, or what fits several paths goes back to where it was saved."""
    configured = ConfiguredFiles(name, component, stack_root=facts.machine.root, strategy="")
    begins = configured.root
    if not configured.is_one_path or begins == os.path.normpath(os.fsencode(facts.machine.root)):
        return _copy_over(name, begins)
    target = os.fsdecode(begins)
    source = f"{name}/{os.path.basename(target)}" if name in facts.single_files else name
    words = (
        say("To put it in its place by hand: stop what writes there, move the old one aside, move the new one there."),
    )
    old = quote(target)
    return words, (
        f"[ ! -e {old} ] || mv {old} {old}.before-{STAMP}",
        _make_way(target),
        f"mv -T {_below(source)} {old}",
    )


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
    configured = ConfiguredDatabases(name, component, stack_root=facts.machine.root)
    if not configured.is_single:
        begins = os.fsdecode(configured.top)
        moving = f'old="$top${{new#"$TO"/{name}}}"; {_set_aside("$old")}; {_WAY} && mv -T "$new" "$old"'
        each = quote(f"top=$1; shift; for new; do {moving}; done")
        return words, (f'find "$TO/{name}" -type f -exec sh -c {each} sh {quote(begins)} {{}} +',)
    target = os.path.normpath(facts.machine.root / paths[0])
    old = quote(target)
    return words, (
        f"old={old}; {_set_aside('$old')}",
        _make_way(target),
        f"mv -T {_below(f'{name}/{os.path.basename(target)}')} {old}",
    )


def _make_way(target: str) -> str:
    """Return what makes the folder that something goes into: on a new machine it is not there yet."""
    return f"mkdir -p {quote(os.path.dirname(target))}"


def _set_aside(old: str) -> str:
    """Return how a database leaves its place with all that SQLite would read into another one there."""
    companions = " ".join(f'"{old}{ending}"' for ending in ("", "-wal", "-shm", "-journal"))
    return f'for each in {companions}; do [ ! -e "$each" ] || mv "$each" "$each.before-{STAMP}"; done'


def copy_in(facts: Facts, name: str, component: Files) -> Move:
    """Return how files go back into a container, a pod, or a volume."""
    if component.inside is None:
        return _copy_into_volume(facts, name, component)
    top, is_single = _find_top(component)
    engine, inside = component.inside.engine, component.inside.name
    choosing, source = _choose_source(name, top if is_single else "")
    into = quote(f"{inside}:{top}")
    if engine == "kubernetes":
        line = _feed_pod(name, inside, top, may_be_file=is_single and top != "/")
    elif engine == "compose":
        files = "".join(f" -f {quote(each)}" for each in facts.configuration.stack.compose)
        line = f"{choosing}docker compose{files} cp {source} {into}"
    else:
        line = f"{choosing}{engine} cp {source} {into}"
    return (say("It lives in a container. Stop what writes to it, then copy it in:"), Code(line)), ()


def _feed_pod(name: str, pod: str, top: str, *, may_be_file: bool) -> str:
    taking = f"kubectl exec -i {quote(pod)} -- tar -C"
    if not may_be_file:
        return f'tar -C "$TO/{name}" -cf - . | {taking} {quote(top)} -xf -'
    above, below = os.path.split(top)
    file, folder = f"what={quote(f'./{below}')} into={quote(above)}", f"what=. into={quote(top)}"
    choosing = f"if {_is_one_file(name, below)}; then {file}; else {folder}; fi"
    return f'{choosing}; tar -C "$TO/{name}" -cf - "$what" | {taking} "$into" -xf -'


def _copy_into_volume(facts: Facts, name: str, component: Files) -> Move:
    """Return how files go into the folder of a volume, which compose calls by another name than the engine does.

    Nothing is written unless one volume is meant and its folder is there: an empty answer would be the machine's root.
    """
    volume = quote(component.volume if isinstance(component.volume, str) else "NAME")
    top, is_single = _find_top(component)
    asking = f"{facts.engine} volume inspect -f"
    choosing, source = _choose_source(name, top if is_single else "")
    above, below = os.path.dirname(top).strip("/"), top.strip("/")
    way = f'mkdir -p "$place"/{quote(above)} && ' if above else ""
    copying = f'{way}cp -a --backup=numbered {source} "$place"/{quote(below) if below else ""}'
    if not is_single:  # of the folder of the volume itself, neither owner nor mode came back
        copying = f'find "$TO/{name}" -mindepth 1 -maxdepth 1 -exec cp -a --backup=numbered -t "$place"/ {{}} +'
    choice = f'volume=$({facts.engine} volume ls -q --filter {_VOLUME}{volume}); [ -n "$volume" ] || volume={volume}'
    place = f'place=$({asking} \'{{{{.Mountpoint}}}}\' "$volume") && (ls -d -- "${{place:?}}/")'
    lines = (
        f"{choice}; {asking} '{{{{.Name}}}} {{{{.Mountpoint}}}}' $volume",
        f"{choosing}{place} && {copying}",
    )
    return (
        say(
            "It lives in a volume. Stop what writes to it. As root: the first line names the volume and its folder, "
            "the second copies it in, and what was there before is kept with {mark} at the end of its name. If the "
            "first names several, or one of another stack, type {choice} with the right name before the second.",
            mark=Code("~"),
            choice=Code("volume=NAME"),
        ),
    ), lines


def _choose_source(name: str, target: str) -> tuple[str, str]:
    """Return what finds out, when it is typed, whether one file came back for ``target``, and the word to copy."""
    below = os.path.basename(target)
    if not below:
        return "", f'"$TO/{name}/."'
    file = _below(f"{name}/{below}")
    return f'if {_is_one_file(name, below)}; then from={file}; else from="$TO/{name}/."; fi; ', '"$from"'


def _is_one_file(name: str, below: str) -> str:
    """Return a test: a folder may hold a file that is called like itself, but then it seldom holds that alone."""
    return f'[ -f {_below(f"{name}/{below}")} ] && [ "$(ls -A "$TO/{name}")" = {quote(below)} ]'


def _find_top(component: Files) -> tuple[str, bool]:
    """Return where a tree in a container or a volume (``/`` is its folder) begins, and whether that is all of it."""
    paths = (component.path,) if component.path else component.paths
    folder = b"/" if component.inside is None else b""
    top, wanted = find_beginning(folder, paths or ("/",))
    return os.fsdecode(top), wanted == [WantedPath(fixed=top)]


def _copy_over(name: str, begins: bytes) -> Move:
    words = (
        say(
            "To put it in its place: stop what uses it, then copy it over what is there. What was there "
            "before is kept beside it, with {mark} at the end of its name.",
            mark=Code("~"),
        ),
    )
    target = quote(os.path.join(os.fsdecode(begins), ""))
    return words, (f'mkdir -p {target} && cp -a --backup=numbered "$TO/{name}/." {target}',)


def _below(path: str) -> str:
    """Return a path below the folder that things came back into, as a word for a shell."""
    return f'"$TO"/{quote(path)}' if quote(path) != path else f'"$TO/{path}"'
