"""What a configuration asks a backup to do: which components, by which class, and what cannot be done yet."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn, TypedDict

from rebond.config.classes import BackupClass
from rebond.config.components import NOTHING_TO_SAVE, Command, Component, Django, Files, Postgres, Sqlite
from rebond.config.model import Configuration, Loaded
from rebond.config.places import find_nearest
from rebond.entries import Tree
from rebond.errors import SourceUnfit, UnknownName, UsageError
from rebond.findings import Finding
from rebond.operations.components import ComponentToSave, FindFields, Moment, NamedFiles, OpenTree
from rebond.operations.hooks import Hooks
from rebond.schedule.beside import is_beside
from rebond.stack.apart import find_apart, find_classes_of_apart, find_levels_of_apart
from rebond.stack.expecting import make_judge
from rebond.stack.exports import PlannedExport, plan_exports
from rebond.stack.file_trees import ConfiguredFiles
from rebond.stack.hooks import make_hooks
from rebond.stack.kinds import Source, make_source
from rebond.stack.sets import find_lacking, find_usual_class, finish_component, read_configuration
from rebond.stack.strategies import choose_strategy, find_strategies, note_strategies
from rebond.stack.whereabouts import looking_up

if TYPE_CHECKING:
    from rebond.stack.file_questions import FileQuestions

Report = Callable[[Finding], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBackup:
    """What is to be saved as one snapshot. ``notes`` say what of the configuration is done in another way, or not yet.

    ``lacks`` are components of the stack that are left out by wish: the snapshot is no whole set then. ``apart`` are
    those of other vaults, by vault; their snapshots there are of ``class_of_apart``, compressed as ``level_of_apart``
    says. ``is_of_change`` says that nothing is to be done where nothing changed, ``is_beside`` that other runs of the
    stack are not waited for.
    """

    components: tuple[ComponentToSave, ...]
    stack: str
    class_: str
    tags: tuple[str, ...]
    level: str
    allows_partial: bool
    notes: tuple[Finding, ...]
    lacks: tuple[str, ...] = ()
    configuration: Mapping[str, bytes] = field(default_factory=dict)
    hooks: Hooks = field(default_factory=Hooks)
    apart: Mapping[str, tuple[ComponentToSave, ...]] = field(default_factory=dict)
    class_of_apart: Mapping[str, str] = field(default_factory=dict)
    level_of_apart: Mapping[str, str] = field(default_factory=dict)
    is_of_change: bool = False
    drills_each: bool = False
    exports: tuple[PlannedExport, ...] = ()
    is_beside: bool = False


def plan_backup(
    loaded: Loaded,
    *,
    names: Sequence[str] = (),
    class_name: str = "",
    allows_partial: bool = False,
    excludes: Sequence[str] = (),
) -> PlannedBackup:
    """Choose the components: those named, else those of the class, else all.

    Without a class and a name, the one class with a schedule that saves the whole stack is meant, if there is one.

    Raises ``UnknownName`` for a name that is not there, ``UsageError`` when nothing is left to save, and
    ``SourceUnfit`` when one of them cannot be saved yet, unless a partial snapshot is allowed.
    """
    configuration = loaded.configuration
    if not class_name and not names:
        class_name = find_usual_class(configuration)
    class_ = _find_class(loaded, class_name) if class_name else None
    chosen = {name: configuration.component[name] for name in _choose(loaded, names, class_)}
    allows_partial = allows_partial or bool(class_ and class_.allow_partial)
    obstacles = _require_something_to_save(chosen, allows_partial=allows_partial)
    components = {
        name: _leave_out(name, each, obstacles[name])
        if name in obstacles
        else finish_component(_prepare(loaded, name, each, class_, excludes), each, class_name, configuration)
        for name, each in chosen.items()
    }
    apart = find_apart(chosen, components)
    exports, not_exported = plan_exports(
        loaded,
        [each for each in class_.export if each.component in components] if class_ else (),  # a run may be of a part
        {name: each.open_tree for name, each in components.items()},
    )
    strategies = find_strategies(chosen, class_)
    return PlannedBackup(
        components=tuple(each for name, each in components.items() if configuration.component[name].vault is None),
        stack=configuration.stack.name,
        class_=class_name,
        tags=class_.tags if class_ else (),
        level=_choose_level(configuration, strategies),
        allows_partial=allows_partial,
        notes=(*note_strategies(strategies), *not_exported),
        lacks=find_lacking(configuration, set(chosen)),
        configuration=read_configuration(loaded),
        hooks=make_hooks(loaded, class_name),
        apart=apart,
        class_of_apart=find_classes_of_apart(configuration, apart, class_name),
        level_of_apart=find_levels_of_apart(configuration, apart, strategies),
        exports=tuple(exports),
        is_of_change=bool(class_ and class_.trigger == "change"),
        drills_each=bool(class_ and class_.drill and class_.drill.rhythm == "each"),
        is_beside=is_beside(configuration, list(chosen), class_name),
    )


def _choose_level(configuration: Configuration, strategies: Mapping[str, str]) -> str:
    """Return how hard to compress: as a class wishes it for any component, else as the vault does."""
    if "compressed" in strategies.values():
        return "dense"
    return configuration.vault.level if configuration.vault else "balanced"


def _require_something_to_save(chosen: Mapping[str, Component], *, allows_partial: bool) -> dict[str, SourceUnfit]:
    """Return what keeps some components from being saved; raise it unless the others may be saved without them."""
    holds_data = [name for name, each in chosen.items() if not isinstance(each, NOTHING_TO_SAVE)]
    if not holds_data:
        raise UsageError(
            "The configuration names nothing to save.", hint="Add a [component.NAME], or name a path with --path."
        )
    obstacles = {name: error for name, each in chosen.items() if (error := find_obstacle(name, each))}
    if obstacles and (not allows_partial or len(obstacles) == len(holds_data)):
        _refuse(obstacles)
    return obstacles


def find_obstacle(name: str, component: Component) -> SourceUnfit | None:
    """Return why a component cannot be saved yet; ``None`` when it can."""
    if isinstance(component, Django):
        return SourceUnfit(
            "The component {component} is of the kind {kind}, which cannot be saved yet.",
            hint="Leave it out of the class, or save the others with --allow-partial.",
            component=name,
            kind=component.kind,
        )
    return None


def _refuse(obstacles: dict[str, SourceUnfit]) -> NoReturn:
    if len(obstacles) == 1:
        raise next(iter(obstacles.values()))
    raise SourceUnfit(
        "{count} components cannot be saved yet: {names}.",
        hint="Leave them out of the class, or save the others with --allow-partial.",
        count=len(obstacles),
        names=", ".join(f"{name} ({error.values.get('kind', 'files')})" for name, error in obstacles.items()),
    )


def _find_class(loaded: Loaded, name: str) -> BackupClass:
    classes = loaded.configuration.classes
    if name not in classes:
        nearest = find_nearest(name, classes)
        raise UnknownName(
            "There is no class '{name}'.",
            hint="Did you mean '{nearest}'?" if nearest else "There are: {known}.",
            name=name,
            nearest=nearest,
            known=", ".join(classes) or "–",
        )
    return classes[name]


def _choose(loaded: Loaded, names: Sequence[str], class_: BackupClass | None) -> list[str]:
    known = list(loaded.configuration.component)
    for name in names:
        if name not in known:
            nearest = find_nearest(name, known)
            raise UnknownName(
                "There is no component '{name}'.",
                hint="Did you mean '{nearest}'?" if nearest else "There are: {known}.",
                name=name,
                nearest=nearest,
                known=", ".join(known) or "–",
            )
    if names:
        return list(dict.fromkeys(names))
    return known if class_ is None or class_.takes_all else list(dict.fromkeys(class_.components))


def _leave_out(name: str, component: Component, error: SourceUnfit) -> ComponentToSave:
    def refuse(_report: Report) -> Tree:
        raise error

    return ComponentToSave(name=name, root=b"", open_tree=refuse, kind=component.kind)


def _prepare(
    loaded: Loaded, name: str, component: Component, class_: BackupClass | None, excludes: Sequence[str]
) -> ComponentToSave:
    strategy = choose_strategy(component, class_) if isinstance(component, Files) else ""
    if isinstance(component, Postgres) and component.method == "physical":
        return _prepare_physical(name, component, loaded)
    source = make_source(name, component, loaded, strategy=strategy, excludes=excludes)
    if source is not None:
        return ComponentToSave(
            name=name,
            root=source.root,
            open_tree=_open_when_asked(source),
            kind=component.kind,
            exclusions=source.exclusions,
            judge=make_judge(name, component.expect),
            **_name_files(_files_of(source) if isinstance(component, Postgres) else None),
        )
    if isinstance(component, Sqlite | Command):
        return _prepare_once_read(loaded, name, component)
    assert isinstance(component, Files)  # noqa: S101 - the others have an obstacle
    files = ConfiguredFiles(
        name, component, stack_root=loaded.root, strategy=choose_strategy(component, class_), excludes=excludes
    )
    return ComponentToSave(
        name=name,
        root=files.root,
        open_tree=files.open_tree,
        exclusions=files.exclusions,
        judge=make_judge(name, component.expect),
    )


def _prepare_physical(name: str, component: Postgres, loaded: Loaded) -> ComponentToSave:
    from rebond.stack.postgres_physical import ConfiguredPhysical  # noqa: PLC0415 - what reads one kind is loaded where a stack has it

    physical = ConfiguredPhysical(name, component, loaded)
    return ComponentToSave(
        name=name,
        root=b"",
        open_tree=_open_when_asked(physical),
        kind=component.kind,
        judge=make_judge(name, component.expect),
        moment=Moment.WHEN_READ,
        conclude=physical.conclude,
        foresee=physical.foresee,
        beside_ms=lambda: physical.files.beside_ms,
        **_name_files(physical.files),
    )


def _files_of(source: Source) -> "FileQuestions | None":
    from rebond.stack.postgres import ConfiguredPostgres  # noqa: PLC0415 - as above

    return source.files if isinstance(source, ConfiguredPostgres) else None


class _Naming(TypedDict, total=False):
    named_files: NamedFiles
    find_fields: FindFields


def _name_files(files: "FileQuestions | None") -> _Naming:
    named: _Naming = {}
    if files and files.named_files:
        named["named_files"] = files.named_files.find
    if files and files.fields:
        named["find_fields"] = files.fields.find
    return named


def _open_when_asked(source: Source) -> OpenTree:
    def open_tree(report: Report) -> Tree:
        with looking_up():
            return source.open_tree(report)

    return open_tree


def _prepare_once_read(loaded: Loaded, name: str, component: Sqlite | Command) -> ComponentToSave:
    """Prepare what is read whole at each run, and has no place of files to compare it with."""
    if isinstance(component, Command):
        from rebond.stack.commands import ConfiguredCommand  # noqa: PLC0415 - as above

        return ComponentToSave(
            name=name,
            root=b"",
            open_tree=ConfiguredCommand(name, component, loaded).open_tree,
            kind=component.kind,
            judge=make_judge(name, component.expect),
        )
    from rebond.stack.databases import ConfiguredDatabases  # noqa: PLC0415 - as above
    from rebond.stack.named_files import find_named_files  # noqa: PLC0415

    named = find_named_files(loaded, name, component)
    databases = ConfiguredDatabases(name, component, stack_root=loaded.root, named_files=named)
    return ComponentToSave(
        name=name,
        root=b"",
        open_tree=databases.open_tree,
        kind=component.kind,
        judge=make_judge(name, component.expect),
        named_files=named.find if named else None,
    )
