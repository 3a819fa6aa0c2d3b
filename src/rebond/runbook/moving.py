"""The lines that put what came back beside in its place by hand, with what was there kept."""

import os

from rebond.config.components import Files, Secrets, Sqlite
from rebond.pages.shell_words import quote
from rebond.pages.words import Code, Text, say
from rebond.runbook.came_back import STAMP, came_back
from rebond.runbook.facts import Facts
from rebond.sources.sqlite.companions import COMPANIONS
from rebond.stack.databases import ConfiguredDatabases
from rebond.stack.file_trees import ConfiguredFiles
from rebond.stack.secrets import find_top

Move = tuple[tuple[Text, ...], tuple[str, ...]]
_WAY = 'mkdir -p "${old%/*}"'


def move_files(facts: Facts, name: str, component: Files) -> Move:
    """Return how a folder, a file, or what fits several paths goes back to where it was saved."""
    configured = ConfiguredFiles(name, component, stack_root=facts.machine.root, strategy="")
    begins = configured.root
    if not configured.is_one_path or begins == os.path.normpath(os.fsencode(facts.machine.root)):
        return _copy_over(name, begins)
    target = os.fsdecode(begins)
    source = came_back(f"{name}/{os.path.basename(target)}" if name in facts.single_files else name)
    words = (
        say("To put it in its place by hand: stop what writes there, move the old one aside, move the new one there."),
    )
    old = quote(target)
    return words, (
        f"ls -d {source} && {{ [ ! -e {old} ] || mv {old} {old}.before-{STAMP}; }}",
        _make_way(target),
        f"mv -T {source} {old}",
    )


def move_secrets(facts: Facts, name: str, component: Secrets) -> Move:
    """Return how files of secrets go back to where they were saved."""
    paths = (*((component.path,) if component.path else ()), *component.paths)
    has_others = component.kubernetes is not None or component.hashicorp is not None
    source = f"{name}/files" if has_others else name
    return _copy_over(source, find_top(os.fsencode(facts.machine.root), paths, is_volume=False)[0])


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
        moving = f'old="$top${{new#"$from"}}"; {set_aside("$old")}; {_WAY} && mv -T "$new" "$old"'
        each = quote(f"from=$1; top=$2; shift 2; for new; do {moving}; done")
        source, top = came_back(name), quote(os.fsdecode(configured.top).rstrip("/"))
        return words, (f"find {source} -type f -exec sh -c {each} sh {source} {top} {{}} +",)
    target = os.path.normpath(facts.machine.root / paths[0])
    source, old = came_back(f"{name}/{os.path.basename(target)}"), quote(target)
    return words, (
        f"old={old}; ls -d {source} && {set_aside('$old')}",
        _make_way(target),
        f"mv -T {source} {old}",
    )


def _make_way(target: str) -> str:
    """Return what makes the folder that something goes into: on a new machine it is not there yet."""
    return f"mkdir -p {quote(os.path.dirname(target))}"


def set_aside(old: str) -> str:
    """Return how a database leaves its place with all that SQLite would read into another one there."""
    companions = " ".join(f'"{old}{os.fsdecode(ending)}"' for ending in (b"", *COMPANIONS))
    return f'for each in {companions}; do [ ! -e "$each" ] || mv "$each" "$each.before-{STAMP}"; done'


def _copy_over(name: str, begins: bytes) -> Move:
    words = (
        say(
            "To put it in its place: stop what uses it, then copy it over what is there. What was there "
            "before is kept beside it, with {mark} at the end of its name.",
            mark=Code("~"),
        ),
    )
    source, target = came_back(f"{name}/."), quote(os.path.join(os.fsdecode(begins), ""))
    # Folders that are there keep their owners and modes: cp -a would make the stack's root one that nobody may pass.
    copying = f"tar -C {source} -cf - . | tar -C {target} --no-overwrite-dir --backup=numbered -xpf -"
    return words, (f"ls -d {source} && mkdir -p {target} && {copying}",)
