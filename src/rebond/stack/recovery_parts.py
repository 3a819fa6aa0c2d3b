"""From a component to what brings it back into its place."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rebond.config.components import Component, Images, Postgres
from rebond.config.loading import refresh_variables
from rebond.config.model import Loaded
from rebond.errors import SourceUnfit
from rebond.operations.recovery.file_part import FilePart, FilesPlace, Wish
from rebond.operations.recovery.late_part import LatePart
from rebond.operations.recovery.parts import Part
from rebond.presence import is_folder
from rebond.stack.file_places import find_files_place
from rebond.stack.late_places import ContainerMaker, comes_late, describe_place
from rebond.stack.recovery_places import Relocation
from rebond.stack.recovery_wishes import ChosenPart, RecoveryWish, Surroundings

if TYPE_CHECKING:
    from rebond.sources.postgres.target import DatabaseTarget
    from rebond.stack.tables_at_moment import TablesAtMoment


def is_bare(loaded: Loaded, wish: RecoveryWish) -> bool:
    """Say whether nothing of the stack is on this machine yet."""
    return wish.is_bare or not is_folder(loaded.root)


def make_part(
    chosen: ChosenPart, component: Component, relocation: Relocation, wish: RecoveryWish, around: Surroundings
) -> tuple[Part, str]:
    """Return what brings a component back, and its place in words. Raises ``SourceUnfit`` where nothing can."""
    source = around.sources.get(chosen.name)
    if isinstance(component, Postgres):
        return _make_database_part(chosen, component, relocation, wish, around)
    if isinstance(component, Images) and wish.is_bare and not wish.to:
        return _make_images_part(chosen, relocation, around)
    wanted = Wish(
        include=chosen.include,
        exclude=chosen.exclude,
        files=chosen.files,
        bytes=chosen.bytes,
        keeps_owner=wish.keeps_owner,
        workers=wish.workers,
    )

    def find_place(loaded: Loaded) -> FilesPlace:
        return find_files_place(
            chosen.name,
            component,
            loaded,
            source=source,
            relocate=relocation.move,
            untouchable=around.untouchable,
            spared=chosen.exclude,
            is_elsewhere=bool(wish.to),
        )

    if wish.is_bare and not wish.to and comes_late(component, relocation.loaded):
        return _make_late_part(chosen.name, component, wanted, find_place, relocation.loaded, around)
    place = find_place(relocation.loaded)
    part = FilePart(place, wanted, run=around.run, folder=around.folder_of(chosen.name), source=source)
    return part, os.fsdecode(place.top)


def _make_late_part(
    name: str,
    component: Component,
    wanted: Wish,
    find_place: Callable[[Loaded], FilesPlace],
    loaded: Loaded,
    around: Surroundings,
) -> tuple[Part, str]:
    """Return what fills a volume or a container that is made for it, and what the configuration calls that."""

    def find_maker() -> ContainerMaker:
        return ContainerMaker(component, refresh_variables(loaded, around.environment), find_place)

    folder, source = around.folder_of(name), around.sources.get(name)
    part = LatePart(name, component.kind, wanted, find_maker=find_maker, run=around.run, folder=folder, source=source)
    return part, describe_place(component, loaded)


def _make_images_part(chosen: ChosenPart, relocation: Relocation, around: Surroundings) -> tuple[Part, str]:
    """Return what loads images, and the engine. Raises ``SourceUnfit`` where there is no engine, or nothing to load."""
    from rebond.stack.whereabouts import find_engine  # noqa: PLC0415 - many stacks have none

    if chosen.files == 1:  # the list alone
        raise SourceUnfit(
            "No image was saved whole: what starts the services fetches or builds them.",
            hint="Their names and digests are in images.json of {component}.",
            component=chosen.name,
        )
    client = find_engine(relocation.loaded)
    return make_images_part(chosen.name, client, relocation.loaded, around), client


def make_images_part(name: str, client: str, loaded: Loaded, around: Surroundings) -> Part:
    """Return what loads images into the engine ``client``."""
    from rebond.operations.recovery.images_part import ImagesPart  # noqa: PLC0415 - many stacks have none
    from rebond.stack.image_engine import ImageEngine  # noqa: PLC0415

    return ImagesPart(name, lambda: ImageEngine(client, loaded), around.sources.get(name))


def _make_physical_part(
    chosen: ChosenPart, component: Postgres, relocation: Relocation, wish: RecoveryWish, around: Surroundings
) -> tuple[Part, str]:
    """Return what lays a data directory down and puts it in its place. Raises ``SourceUnfit`` where that is unknown."""
    from rebond.operations.physical.targets import SET, parse_target  # noqa: PLC0415 - few stacks have one
    from rebond.operations.recovery.physical_part import PhysicalPart  # noqa: PLC0415

    if component.data_directory is None or component.inside is not None or component.volume is not None:
        raise SourceUnfit(
            "Where the data directory of {component} lies on this machine is not known.",
            hint="Say it with data_directory; or lay it down: rebond restore --at latest {component} --to DIR",
            component=chosen.name,
        )
    place = os.path.normpath(os.fsencode(os.path.join(relocation.loaded.root, component.data_directory)))
    top = relocation.move(place)
    zone = relocation.loaded.configuration.stack.timezone
    part = PhysicalPart(
        chosen.name,
        top,
        Wish(bytes=chosen.bytes, keeps_owner=wish.keeps_owner),
        run=around.run,
        folder=around.folder_of(chosen.name),
        source=around.sources.get(chosen.name),
        target=parse_target(chosen.target, now_ms=0) if chosen.target else SET,
        stack=relocation.loaded.configuration.stack.name,
        zone=ZoneInfo(zone) if zone else None,
    )
    return part, os.fsdecode(top)


def _make_database_part(
    chosen: ChosenPart, component: Postgres, relocation: Relocation, wish: RecoveryWish, around: Surroundings
) -> tuple[Part, str]:
    """Return what loads databases beside those that are there. Raises ``SourceUnfit`` for a whole data directory."""
    has_tables = bool(chosen.tables or chosen.schemas)
    if component.method == "physical" and not has_tables:
        return _make_physical_part(chosen, component, relocation, wish, around)
    if wish.to:
        raise SourceUnfit(
            "The databases of {component} belong into a server, and not below another folder.",
            hint="Load them with --into, or bring their files with --to DIR.",
            component=chosen.name,
            kind=component.kind,
        )
    if chosen.include or chosen.exclude:
        raise SourceUnfit(
            "Of the databases of {component} no single paths come back.",
            hint="Name tables: rebond restore SNAPSHOT {component} --in-place --table TABLE",
            component=chosen.name,
            kind=component.kind,
        )

    from rebond.operations.recovery.database_part import DatabasePart  # noqa: PLC0415 - many stacks have none
    from rebond.stack.database_targets import describe_home, target_of_component  # noqa: PLC0415
    from rebond.stack.server_starting import find_starter  # noqa: PLC0415

    def refresh() -> Loaded:  # what says how to get in may itself have come back since
        return refresh_variables(relocation.loaded, around.environment)

    def find_target() -> "DatabaseTarget":
        return target_of_component(chosen.name, component, refresh())

    what: dict[str, Any] = {
        "run": around.run,
        "folder": around.folder_of(chosen.name),
        "source": around.sources.get(chosen.name),
        "jobs": wish.workers,
        "keeps_owner": wish.keeps_owner,
        "find_starter": lambda: find_starter(component, refresh()),
    }
    home = describe_home(chosen.name, component, relocation.loaded)
    if has_tables:
        from rebond.operations.recovery.tables_part import TablesPart  # noqa: PLC0415 - few restores are of tables

        moment = _make_moment(chosen, component, relocation.loaded, wish, around)
        names = {"tables": chosen.tables, "schemas": chosen.schemas}
        return TablesPart(chosen.name, find_target, moment=moment, **names, **what), home
    makes_all_roles = is_bare(relocation.loaded, wish)
    return DatabasePart(chosen.name, find_target, makes_all_roles=makes_all_roles, **what), home


def _make_moment(
    chosen: ChosenPart, component: Postgres, loaded: Loaded, wish: RecoveryWish, around: Surroundings
) -> "TablesAtMoment | None":
    """Return the server that is asked for tables as of a moment; ``None`` where a snapshot holds them as they are."""
    if component.method != "physical":
        return None
    from rebond.operations.physical.targets import SET, parse_target  # noqa: PLC0415 - few stacks have one
    from rebond.stack.tables_at_moment import TablesAtMoment  # noqa: PLC0415

    zone = loaded.configuration.stack.timezone
    return TablesAtMoment(
        component=chosen.name,
        target=parse_target(chosen.target, now_ms=0) if chosen.target else SET,
        database=component.database if isinstance(component.database, str) else "",
        tables=chosen.tables,
        schemas=chosen.schemas,
        stack=loaded.configuration.stack.name,
        zone=ZoneInfo(zone) if zone else None,
        environment=around.environment,
        jobs=wish.workers,
        bytes=chosen.bytes,
    )
