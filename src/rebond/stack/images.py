"""Components of kind ``images``: the list of what the stack runs, and the images that no registry holds."""

from rebond.clock import SystemClock
from rebond.config.components import Images
from rebond.config.model import Loaded
from rebond.entries import Tree
from rebond.errors import SourceUnfit
from rebond.findings import Finding, Severity
from rebond.sources.documents.tree import Document, FolderTree, Piece, Stream
from rebond.sources.images.listing import Image, list_of_cluster, list_of_compose, name_archive, write_list
from rebond.sources.streams.readers import StreamReader
from rebond.sources.tar.judging import TarReader
from rebond.stack.file_trees import Report
from rebond.stack.whereabouts import Place, find_engine, list_compose_words, resolver_of

LIST_NAME = b"images.json"


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
        stack = self._loaded.configuration.stack
        images: list[Image] = []
        engine = ""
        if stack.compose:
            engine = find_engine(self._loaded)
            images += list_of_compose(list_compose_words(self._loaded), engine, self._here.ask, report)
        local = images.copy()
        if stack.kubernetes is not None:
            of_pods = list_of_cluster(self._here.ask(self._ask_pods()))
            images += of_pods
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

    def _stream(self, engine: str, image: Image, began_ns: int) -> Stream:
        def open_reader() -> StreamReader:
            # By its tag where it has one: only then does the archive hold the name too.
            reader = self._here.open((engine, "save", image.saved_as))
            return TarReader(reader, program=f"{engine} save {image.name}", needed=b"manifest.json")

        return Stream(open_reader=open_reader, began_ns=began_ns)

    def _ask_pods(self) -> tuple[str, ...]:
        cluster, resolver = self._loaded.configuration.stack.kubernetes, resolver_of(self._loaded)
        assert cluster is not None  # noqa: S101 - the caller looked
        words = ["kubectl"]
        if cluster.context:
            words += ["--context", resolver.resolve_words(cluster.context)]
        if cluster.namespace:
            words += ["--namespace", resolver.resolve_words(cluster.namespace)]
        return (*words, "get", "pods", "--output", "json")


def _cannot_be_saved(image: Image) -> Finding:
    return Finding(
        code="image-not-saved",
        severity=Severity.WARNING,
        subject=image.name,
        template="The image {name} of Kubernetes is in no registry that is known, and cannot be saved from there.",
        hint_template="Push it to a registry, and let the cluster pull it from there.",
        values={"name": image.name},
    )
