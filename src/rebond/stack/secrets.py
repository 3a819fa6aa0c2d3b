"""Components of kind ``secrets``: files, Secrets of Kubernetes, secrets of HashiCorp Vault, together in one tree."""

import os
from collections.abc import Mapping

from rebond.clock import SystemClock
from rebond.config.components import ClusterSecrets, HashicorpSecrets, Secrets
from rebond.config.model import Loaded
from rebond.config.references import FromFile, Text
from rebond.entries import Tree
from rebond.errors import SourceUnfit
from rebond.findings import Finding, Severity
from rebond.secret import Secret
from rebond.sources.documents.tree import Document, FolderTree, Piece
from rebond.sources.files.paths import show_path
from rebond.sources.secrets.cluster import ClusterQuestion, build_question, read_secrets
from rebond.sources.secrets.files import SecretFiles
from rebond.sources.tar.spooling import take_archive, wrap_tar
from rebond.sources.tar.tree import list_documents
from rebond.stack.file_trees import Report, expand
from rebond.stack.wanted_inside import find_top_inside, list_topmost, want_below
from rebond.stack.wanted_paths import WantedPath, want
from rebond.stack.whereabouts import Place, find_folder, secret_of, words_of

_FILES, _CLUSTER, _HASHICORP = b"files", b"kubernetes", b"hashicorp"
_USUAL_ADDRESS = "https://127.0.0.1:8200"


class ConfiguredSecrets:
    """One component, ready to be read: all of it into memory, since nothing of it may touch a disk on the way.

    Where it has secrets of one sort only, they lie at the top of the tree; else below ``files``, ``kubernetes``
    and ``hashicorp``. Every file is readable by its owner alone.
    """

    root = b""
    exclusions: tuple[str, ...] = ()

    def __init__(self, name: str, component: Secrets, loaded: Loaded) -> None:
        self._name = name
        self._component = component
        self._loaded = loaded

    def open_tree(self, report: Report) -> Tree:
        """Read everything. Raises ``SourceError`` and ``ConfigError``; what single files lack is reported."""
        component = self._component
        found: dict[bytes, dict[bytes, Document]] = {}
        if component.path or component.paths:
            found[_FILES] = self._read_files(report)
        if component.kubernetes is not None:
            found[_CLUSTER] = self._read_cluster(component.kubernetes)
        if component.hashicorp is not None:
            found[_HASHICORP] = self._read_hashicorp(component.hashicorp, report)
        pieces: dict[bytes, Piece] = {}
        for sort, documents in found.items():
            pieces |= {path if len(found) == 1 else sort + b"/" + path: each for path, each in documents.items()}
        return FolderTree(pieces)

    # --- files ---------------------------------------------------------------------------------

    def _read_files(self, report: Report) -> dict[bytes, Document]:
        component = self._component
        place, folder = find_folder(component, self._loaded)
        paths = ((component.path,) if component.path else ()) + component.paths
        if place.address is None:
            found = self._read_here(folder or os.fsencode(self._loaded.root), bool(folder), paths, report)
        else:
            found = self._read_there(place, folder, [want_below(folder, each) for each in paths], report)
        if not found:
            raise self._nothing_fits(", ".join(paths))
        self._require_content(found, report)
        return found

    def _require_content(self, found: Mapping[bytes, Document], report: Report) -> None:
        """A full disk or a cut deployment leaves files of no byte: they must not become the latest secrets unseen."""
        empty = sorted(path for path, each in found.items() if not each.content)
        if len(empty) == len(found):
            raise SourceUnfit(
                "The component {component} holds nothing: {paths} is empty.",
                hint="Bring its content back ('rebond find NAME' lists what was saved), then run the backup again.",
                component=self._name,
                paths=", ".join(show_path(each) for each in empty),
            )
        for path in empty:
            report(_empty(path))

    def _read_here(self, base: bytes, is_volume: bool, paths: tuple[str, ...], report: Report) -> dict[bytes, Document]:
        top, wanted = find_top(base, paths, is_volume=is_volume)
        fitting: list[bytes] = []
        for each in wanted:
            if not each.is_pattern and not os.path.lexists(each.fixed):
                raise self._nothing_fits(os.fsdecode(each.fixed))
            fitting += expand(top, each, report)
        return SecretFiles(top, report).read(fitting)

    def _read_there(
        self, place: Place, folder: bytes, wanted: list[WantedPath], report: Report
    ) -> dict[bytes, Document]:
        names: list[bytes] = []
        for each in wanted:
            names += filter(each.fits, place.list_files(each.fixed)) if each.is_pattern else [each.fixed]
        if not names:
            raise self._nothing_fits(b", ".join(each.text for each in wanted).decode(errors="replace"))
        top = find_top_inside(folder, wanted)
        relative = list_topmost([os.path.relpath(each, top) for each in names])
        shown = f"{place}:{os.fsdecode(top)}"
        spool = take_archive(
            lambda: place.open(wrap_tar(top, [b"./" + each for each in relative], follows_links=True), label="tar"),
            place=shown,
            in_memory=True,
            report=report,
        )
        try:
            return list_documents(spool)
        finally:
            spool.close()

    # --- stores --------------------------------------------------------------------------------

    def _read_cluster(self, asked: ClusterSecrets) -> dict[bytes, Document]:
        loaded = self._loaded
        stack = loaded.configuration.stack.kubernetes
        question = ClusterQuestion(
            context=words_of(asked.context or (stack.context if stack else None), loaded),
            namespace=words_of(asked.namespace or (stack.namespace if stack else None), loaded),
            names=asked.names,
            selector=asked.selector or "",
            omit_types=asked.omit_types,
        )
        return read_secrets(Place(loaded=loaded).ask(build_question(question)), question)

    def _read_hashicorp(self, asked: HashicorpSecrets, report: Report) -> dict[bytes, Document]:
        from rebond.sources.secrets.hashicorp import KeyValueReader, KeyValueStore  # noqa: PLC0415 - it loads HTTP

        loaded = self._loaded
        store = KeyValueStore(
            address=words_of(asked.address, loaded) or _USUAL_ADDRESS,
            mount=asked.mount.strip("/"),
            token=self._find_token(asked.token),
            patterns=asked.paths,
            namespace=words_of(asked.namespace, loaded) or loaded.variables.get("VAULT_NAMESPACE", ""),
            authority=loaded.variables.get("VAULT_CACERT", ""),
        )
        return KeyValueReader(store, now_ns=SystemClock().now_ms() * 1_000_000, report=report).read()

    def _find_token(self, named: Text | None) -> Secret:
        if named is None and (token := self._loaded.variables.get("VAULT_TOKEN")):
            return Secret(token)
        path = os.path.join(self._loaded.variables.get("HOME", ""), ".vault-token")
        found = secret_of(named or FromFile(file=path), self._loaded)
        assert found is not None  # noqa: S101 - a reference was given
        return found

    def _nothing_fits(self, paths: str) -> SourceUnfit:
        return SourceUnfit(
            "The component {component} has no secret at {paths}.",
            hint="Bring it back, or take it out of 'paths'; a path with * may fit nothing, as long as another fits.",
            component=self._name,
            paths=paths,
        )


def find_top(base: bytes, paths: tuple[str, ...], *, is_volume: bool) -> tuple[bytes, list[WantedPath]]:
    """Return where the tree of files begins, and what is wanted: at ``base``, unless one of them lies elsewhere."""
    base = os.path.normpath(base)
    wanted = [want_below(base, each) if is_volume else want(base, os.fsencode(each)) for each in paths]
    if all(each.is_below(base) for each in wanted):
        return base, wanted
    return os.path.commonpath([os.path.dirname(each.fixed) or b"/" for each in wanted]), wanted


def _empty(path: bytes) -> Finding:
    return Finding(
        code="empty",
        severity=Severity.NOTE,
        subject=show_path(path),
        template="{path} is among the secrets and is empty.",
        hint_template="If something belongs in it, bring it back; its earlier versions are kept.",
        values={"path": show_path(path)},
    )
