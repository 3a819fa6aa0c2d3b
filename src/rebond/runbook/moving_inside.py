"""The lines that put what came back beside into a container, a pod or a volume, with what was there kept."""

import os

from rebond.config.components import Files, Secrets, Sqlite
from rebond.config.quantities import Inside
from rebond.pages.shell_words import quote
from rebond.pages.words import Code, say
from rebond.runbook.came_back import STAMP, came_back, is_one_file
from rebond.runbook.facts import Facts
from rebond.runbook.moving import Move, set_aside
from rebond.stack.wanted_inside import find_beginning, find_top_inside, want_below

_VOLUME = "label=com.docker.compose.volume="
_MARK = f".before-{STAMP}"
# What is typed into a container: $1 is the file, $2 its size; a transfer that breaks off has another one. What was
# there gives its owner and its mode. A file that is mounted by itself is written to and not exchanged.
_LAY_FILE = (
    f'old=$1; mkdir -p "${{old%/*}}"; if [ -e "$old" ]; then cp -p "$old" "$old{_MARK}"; '
    'else (umask 077; : > "$old"); fi && cat > "$old" && [ "$(wc -c < "$old")" -eq "$2" ]'
)
_LAY_DATABASE = (
    'old=$1; mkdir -p "${old%/*}"; [ ! -e "$old" ] || cp -p "$old" "$old.new"; cat > "$old.new" && '
    f'[ "$(wc -c < "$old.new")" -eq "$2" ] && {set_aside("$old")} && mv "$old.new" "$old"'
)


def copy_in(facts: Facts, name: str, component: Files) -> Move:
    """Return how files go back into a container, a pod, or a volume."""
    if component.inside is None:
        return _copy_into_volume(facts, name, component)
    top, is_single = _find_top(component)
    choosing, source = _choose_source(name, top if is_single else "")
    engine, inside = component.inside.engine, component.inside.name
    into = quote(f"{inside}:{top}")
    if engine == "kubernetes":
        line = _feed_pod(facts, name, component.inside, top, may_be_file=is_single and top != "/")
    else:
        client = call_compose(facts) if engine == "compose" else engine
        line = f"{choosing}{client} cp {source} {into}"
    return (say("It lives in a container. Stop what writes to it, then copy it in:"), Code(line)), ()


def lay_in(facts: Facts, name: str, component: Secrets | Sqlite) -> Move:
    """Return how secrets, or databases of SQLite, go back into a container, a pod, or a volume, one by one."""
    paths = (*((component.path,) if component.path else ()), *component.paths)
    folder = b"/" if component.inside is None else b""
    wanted = [want_below(folder, each) for each in paths]
    script = _LAY_DATABASE
    if isinstance(component, Secrets):
        script = _LAY_FILE
        name = f"{name}/files" if component.kubernetes is not None or component.hashicorp is not None else name
    elif len(wanted) == 1 and not wanted[0].is_pattern:
        folder = b""  # a single database lies at the top
    top = os.fsdecode(find_top_inside(folder, wanted)).rstrip("/")
    if component.inside is None:
        laying = _lay_each("", script, name, f'"$place"{quote(top) if top else ""}')
        return _write_into_volume(facts, component.volume, f"{_find_place(facts)} && {laying}", ".before-DATE")
    client = _enter(facts, component.inside)
    return (
        say(
            "It lives in a container, which has to run. Stop what uses it there, lay it down, and restart the "
            "container. What was there before is kept with {mark} at the end of its name.",
            mark=Code(".before-DATE"),
        ),
    ), (_lay_each(f"{client} ", script, name, quote(top)),)


def _lay_each(client: str, script: str, name: str, top: str) -> str:
    """Return what feeds every file of a component to a script that lays it down below ``top``."""
    laying = f'{client}sh -c {quote(script)} sh "$top${{new#"$from"}}" "$(wc -c < "$new")" < "$new" || exit'
    each = quote(f"from=$1; top=$2; shift 2; for new; do {laying}; done")
    source = came_back(name)
    return f"find {source} -type f -exec sh -c {each} sh {source} {top} {{}} +"


def call_compose(facts: Facts) -> str:
    """Return the words that call compose for the stack, by the engine that this machine has."""
    files = "".join(f" -f {quote(each)}" for each in facts.configuration.stack.compose)
    return f"{facts.engine} compose{files}"


def _enter(facts: Facts, inside: Inside) -> str:
    """Return the words before a command that runs inside and reads what is typed."""
    if inside.engine == "compose":
        return f"{call_compose(facts)} exec -T {quote(inside.name)}"
    if inside.engine != "kubernetes":
        return f"{inside.engine} exec -i {quote(inside.name)}"
    cluster = facts.configuration.stack.kubernetes
    words = ["kubectl"]
    for option, said in (("context", cluster and cluster.context), ("namespace", cluster and cluster.namespace)):
        words += [f"--{option}", quote(said)] if isinstance(said, str) else []
    kind, pod, *container = inside.name.split("/")
    words += ["exec", "-i", quote(f"{kind}/{pod}"), *(f"-c {quote(each)}" for each in container)]
    return f"{' '.join(words)} --"


def _feed_pod(facts: Facts, name: str, inside: Inside, top: str, *, may_be_file: bool) -> str:
    taking = f"{_enter(facts, inside)} tar -C"
    source = came_back(name)
    if not may_be_file:
        return f"tar -C {source} -cf - . | {taking} {quote(top)} -xf -"
    above, below = os.path.split(top)
    file, folder = f"what={quote(f'./{below}')} into={quote(above)}", f"what=. into={quote(top)}"
    choosing = f"if {is_one_file(name, below)}; then {file}; else {folder}; fi"
    return f'{choosing}; tar -C {source} -cf - "$what" | {taking} "$into" -xf -'


def _copy_into_volume(facts: Facts, name: str, component: Files) -> Move:
    """Return how files go into the folder of a volume, which compose calls by another name than the engine does."""
    top, is_single = _find_top(component)
    choosing, source = _choose_source(name, top if is_single else "")
    above, below = os.path.dirname(top).strip("/"), top.strip("/")
    way = f'mkdir -p "$place"/{quote(above)} && ' if above else ""
    copying = f'{way}cp -a --backup=numbered {source} "$place"/{quote(below) if below else ""}'
    if not is_single:  # of the folder of the volume itself, neither owner nor mode came back
        copying = f'find {came_back(name)} -mindepth 1 -maxdepth 1 -exec cp -a --backup=numbered -t "$place"/ {{}} +'
    return _write_into_volume(facts, component.volume, f"{choosing}{_find_place(facts)} && {copying}", "~")


def _find_place(facts: Facts) -> str:
    asking = f"{facts.engine} volume inspect -f '{{{{.Mountpoint}}}}'"
    return f'place=$({asking} "$volume") && (ls -d -- "${{place:?}}/")'


def _write_into_volume(facts: Facts, named: object, line: str, mark: str) -> Move:
    """Nothing is written unless one volume is meant and its folder is there: an empty answer is the machine's root."""
    volume = quote(named if isinstance(named, str) else "NAME")
    asking = f"{facts.engine} volume inspect -f"
    choice = f'volume=$({facts.engine} volume ls -q --filter {_VOLUME}{volume}); [ -n "$volume" ] || volume={volume}'
    lines = (
        f"{choice}; {asking} '{{{{.Name}}}} {{{{.Mountpoint}}}}' $volume",
        line,
    )
    return (
        say(
            "It lives in a volume. Stop what writes to it. As root: the first line names the volume and its folder, "
            "the second copies it in, and what was there before is kept with {mark} at the end of its name. If the "
            "first names several, or one of another stack, type {choice} with the right name before the second.",
            mark=Code(mark),
            choice=Code("volume=NAME"),
        ),
    ), lines


def _choose_source(name: str, target: str) -> tuple[str, str]:
    """Return what finds out, when it is typed, whether one file came back for ``target``, and the word to copy."""
    below, folder = os.path.basename(target), came_back(f"{name}/.")
    if not below:
        return "", folder
    file = came_back(f"{name}/{below}")
    return f"if {is_one_file(name, below)}; then from={file}; else from={folder}; fi; ", '"$from"'


def _find_top(component: Files) -> tuple[str, bool]:
    """Return where a tree in a container or a volume (``/`` is its folder) begins, and whether that is all of it."""
    paths = (component.path,) if component.path else component.paths
    folder = b"/" if component.inside is None else b""
    top, wanted = find_beginning(folder, paths or ("/",))
    return os.fsdecode(top), len(wanted) == 1 and wanted[0].fixed == top and not wanted[0].is_pattern
