"""Components of kind ``images``: the list of what the stack runs, and the images that no registry holds."""

import json
from collections.abc import Callable

from rebond.clock import SystemClock
from rebond.config.components import Images
from rebond.config.model import Loaded
from rebond.entries import Tree
from rebond.errors import CommandFailed, SourceUnfit, SourceUnreachable
from rebond.findings import Finding, Severity
from rebond.sources.channels.addresses import Address, Client
from rebond.sources.channels.containers import require_own_name
from rebond.sources.channels.inspecting import inspect_containers
from rebond.sources.channels.volumes import list_mounts
from rebond.sources.documents.tree import Document, FolderTree, Piece, Stream
from rebond.sources.images.listing import (
    LIST_NAME,
    Image,
    list_of_cluster,
    list_of_compose,
    list_of_containers,
    means_still,
    name_archive,
    write_list,
)
from rebond.sources.streams.readers import StreamReader
from rebond.sources.tar.judging import TarReader
from rebond.stack.file_trees import Report
from rebond.stack.surroundings import address_of
from rebond.stack.whereabouts import Place, find_engine, find_named_volume, list_compose_words, resolver_of


class ConfiguredImages:
    """One component: ``images.json``, and beside it an archive, as ``docker load`` takes it, of each that is saved."""

    root = b""
    exclusions: tuple[str, ...] = ()

    def __init__(self, name: str, component: Images, loaded: Loaded) -> None:
        self._name = name
        self._component = component
        self._loaded = loaded
        self._here = Place(loaded=loaded)

    def open_tree(self, report: Report) -> Tree:
        """Ask which images there are; each is saved when its file is opened. Raises ``SourceError``."""
        engine, local, of_pods = self._find_images(report)
        images = [*local, *of_pods]
        if self._component.save != "none":
            for each in of_pods:
                if each.is_local_only:
                    report(_cannot_be_saved(each))
        if not images:
            raise SourceUnfit(
                "The component {component} finds no image.",
                hint="Name the compose files or the Kubernetes namespace under [stack], and see that something runs.",
                component=self._name,
            )
        began_ns = SystemClock().now_ms() * 1_000_000
        pieces: dict[bytes, Piece] = {LIST_NAME: Document(content=write_list(images), modified_ns=began_ns)}
        for image in local:
            if self._component.save == "all" or (self._component.save == "local-only" and image.is_local_only):
                pieces[name_archive(image)] = self._stream(engine, image, began_ns)
        return FolderTree(pieces)

    def _find_images(self, report: Report) -> tuple[str, list[Image], list[Image]]:
        """Return the engine of this machine, if one is needed, the images that it has, and those of pods."""
        component, stack = self._component, self._loaded.configuration.stack
        if component.inside is not None or component.volume is not None:
            return self._find_images_inside(report)
        engine, local, of_pods = "", list[Image](), list[Image]()
        if stack.compose:
            engine = find_engine(self._loaded)
            local = list_of_compose(list_compose_words(self._loaded), engine, self._here.ask, report)
        if stack.kubernetes is not None:
            of_pods = list_of_cluster(self._here.ask((*self._kubectl(), "get", "pods", "--output", "json")))
        return engine, local, of_pods

    def _find_images_inside(self, report: Report) -> tuple[str, list[Image], list[Image]]:
        """Return the same of one address only: what its containers were made of."""
        component = self._component
        if component.volume is not None:
            volume, engine, here = find_named_volume(component.volume, self._loaded)
            containers = [each.container for each in list_mounts(volume, engine, here.ask)]
            return engine, list_of_containers(engine, containers, here.ask, report), []
        assert component.inside is not None  # noqa: S101 - the caller looked
        address = address_of(component.inside)
        match address.client:
            case Client.COMPOSE:
                engine = find_engine(self._loaded)
                words = (*list_compose_words(self._loaded), "ps", "--all", "--quiet", address.name)
                containers = self._here.ask(words).decode().split()
                return engine, list_of_containers(engine, containers, self._here.ask, report), []
            case Client.DOCKER | Client.PODMAN:
                engine = address.client.value
                require_own_name(address, self._loaded.variables)
                if not inspect_containers(engine, [address.name], self._here.ask):
                    raise SourceUnreachable(
                        "No such container: {name}.",
                        hint="Start it anew, or name another; '{client} ps --all' lists them.",
                        name=address.name,
                        client=engine,
                    )
                return engine, list_of_containers(engine, [address.name], self._here.ask, report), []
            case Client.KUBERNETES:
                answer = self._here.ask(self._ask_pods_of(address))
                return "", [], list_of_cluster(answer, address.container)

    def _ask_pods_of(self, address: Address) -> tuple[str, ...]:
        """Return the words that ask for the pods of a deployment or the like, or for one pod, as a list."""
        get = (*self._kubectl(), "get")
        if address.kind in {"pod", "pods", "po"}:
            return (*get, "pods", "--field-selector", f"metadata.name={address.name}", "--output", "json")
        try:
            owner = json.loads(self._here.ask((*get, f"{address.kind}/{address.name}", "--output", "json")))
            labels = owner["spec"]["selector"]["matchLabels"]
            selector = ",".join(f"{name}={text}" for name, text in sorted(labels.items()))
        except (ValueError, LookupError, TypeError, AttributeError):
            raise SourceUnfit(
                "The component {component} cannot tell which pods belong to {address}.",
                hint="Name one pod instead: kubernetes:pod/NAME.",
                component=self._name,
                address=str(address),
            ) from None
        return (*get, "pods", "--selector", selector, "--output", "json")

    def _stream(self, engine: str, image: Image, began_ns: int) -> Stream:
        def open_reader() -> StreamReader:
            # By its tag where it has one: only then does the archive hold the name too.
            reader = self._here.open((engine, "save", image.saved_as))
            return TarReader(reader, program=f"{engine} save {image.name}", needed=b"manifest.json")

        def open_steady() -> StreamReader:
            return _SteadyImage(open_reader(), image, lambda: means_still(engine, image, self._here.ask))

        return Stream(open_reader=open_steady, began_ns=began_ns)

    def _kubectl(self) -> tuple[str, ...]:
        cluster, resolver = self._loaded.configuration.stack.kubernetes, resolver_of(self._loaded)
        words = ["kubectl"]
        if cluster and cluster.context:
            words += ["--context", resolver.resolve_words(cluster.context)]
        if cluster and cluster.namespace:
            words += ["--namespace", resolver.resolve_words(cluster.namespace)]
        return tuple(words)


class _SteadyImage:
    """The archive of an image, whole only if its name still means that image in the end."""

    def __init__(self, archive: StreamReader, image: Image, means_still: Callable[[], bool]) -> None:
        self._archive = archive
        self._image = image
        self._means_still = means_still

    def readinto(self, buffer: memoryview, /) -> int:
        """Read what comes next. Raises ``SourceError``."""
        return self._archive.readinto(buffer)

    def finish(self) -> None:
        """Judge the end. Raises ``SourceError``: by the name another image may have been saved, under this one's id."""
        self._archive.finish()
        if not self._means_still():
            raise CommandFailed(
                "The image {name} was replaced by another one while it was saved.",
                hint="Run the backup again; let no build or pull run beside it.",
                name=self._image.name,
            )

    def close(self) -> None:
        """End what still writes."""
        self._archive.close()


def _cannot_be_saved(image: Image) -> Finding:
    return Finding(
        code="image-not-saved",
        severity=Severity.WARNING,
        subject=image.name,
        template="The image {name} of Kubernetes is in no registry that is known, and cannot be saved from there.",
        hint_template="Push it to a registry, and let the cluster pull it from there.",
        values={"name": image.name},
    )
