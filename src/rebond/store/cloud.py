"""Stores in the cloud: S3 and what speaks it, Google Cloud Storage, Azure Blob Storage."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from rebond.errors import ObjectMissing, StoreUnfit, UsageError
from rebond.store.cloud_address import CloudAddress
from rebond.store.cloud_clients import Patience, make_clients
from rebond.store.cloud_faults import CloudFault, translate_cloud_fault
from rebond.store.faults import object_exists, object_missing, short_read
from rebond.store.names import check_name, check_prefix, check_range
from rebond.store.protocol import ObjectInfo, StoreTraits

if TYPE_CHECKING:
    from datetime import datetime

    from obstore import Attributes, ObjectMeta

Result = TypeVar("Result")

_CONCURRENCY = 8
_LARGE_BYTES = 256 * 1024  # a larger put may take longer than a silent connection may
_PAGE = 1000
_PACKS = "packs/"


class CloudStore:
    """Objects in one bucket below a prefix. Credentials come from the environment and are never printed.

    Every request is bounded by ``patience`` and made once; ``RetryingStore`` makes it again. The
    storage class of the address is given to packs, which are large and rarely read, and to nothing
    else. Store times are whole seconds, as the protocols' headers have no more.
    """

    def __init__(self, address: CloudAddress, *, patience: Patience | None = None) -> None:
        self._address = address
        self._clients = make_clients(address, patience or Patience())
        self._above = f"{address.prefix}/" if address.prefix else ""

    @property
    def location(self) -> str:
        """The address, which holds no credential."""
        return self._address.text

    @property
    def traits(self) -> StoreTraits:
        """What this store can do beyond the promises."""
        return StoreTraits(
            conditional_create=self._address.creates_conditionally, concurrency=_CONCURRENCY, latency=True
        )

    def put_if_absent(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Store ``content`` under ``name``; raises ``ObjectExists`` if there is something already.

        Against a server without conditional puts this looks first and is not atomic (see ``traits``).
        """
        import obstore

        check_name(name)
        attributes: Attributes | None = None
        if self._address.storage_class and name.startswith(_PACKS):
            attributes = {"Storage-Class": self._address.storage_class}
        if not self._address.creates_conditionally and self._exists(name):
            raise object_exists(name, self.location)
        self._call(
            name,
            lambda: obstore.put(
                self._clients.patient if len(content) > _LARGE_BYTES else self._clients.quick,
                self._above + name,
                content,
                attributes=attributes,
                mode="create" if self._address.creates_conditionally else "overwrite",
                use_multipart=False,
            ),
        )

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return the object, or ``length`` bytes of it from ``start``; raises ``ObjectMissing`` or ``ShortRead``."""
        import obstore

        check_name(name)
        check_range(start, length)
        path = self._above + name
        if start == 0 and length is None:
            return self._call(name, lambda: obstore.get(self._clients.quick, path).bytes().to_bytes())
        if not length:  # the protocols have no range of nothing, nor one that starts at the end
            size = self.stat(name).size
            if start > size:
                raise short_read(name, self.location, size=size, end=start)
            length = size - start if length is None else 0
            if length == 0:
                return b""
        content = self._call(
            name,
            lambda: obstore.get_range(self._clients.quick, path, start=start, length=length).to_bytes(),
            wanted_end=start + length,
        )
        if len(content) != length:
            raise short_read(name, self.location, size=start + len(content), end=start + length)
        return content

    def stat(self, name: str) -> ObjectInfo:
        """Return size and store time; raises ``ObjectMissing``."""
        import obstore

        check_name(name)
        return self._describe(self._call(name, lambda: obstore.head(self._clients.quick, self._above + name)))

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield every object whose name starts with ``prefix``, in byte order; any fault raises."""
        import obstore

        check_prefix(prefix)
        directory = (self._above + prefix).rpartition("/")[0]
        before = _place_before(self._above + prefix)
        pages = self._call(
            prefix,
            lambda: iter(obstore.list(self._clients.quick, directory or None, offset=before, chunk_size=_PAGE)),
        )
        last = ""
        while True:
            page = self._call(prefix, lambda: next(pages, None))
            if page is None:
                return
            for meta in page:
                info = self._describe(meta)
                if not info.name.startswith(prefix):
                    if info.name > prefix:
                        return
                    continue
                if info.name <= last:
                    raise StoreUnfit(
                        "{location} lists objects out of order: {name} after {last}.",
                        hint="Use another kind of bucket; directory buckets cannot hold a vault.",
                        location=self.location,
                        name=info.name,
                        last=last,
                    )
                last = info.name
                yield info

    def list_folder(self, inner: str = "") -> tuple[frozenset[str], frozenset[str]]:
        """Return the names of the objects right below a folder, and those of the folders there; one level only."""
        import obstore

        above = f"{self._above}{inner}/" if inner else self._above
        found = self._call(inner, lambda: obstore.list_with_delimiter(self._clients.quick, above or None))
        return (
            frozenset(each["path"].removeprefix(above) for each in found["objects"]),
            frozenset(each.rstrip("/").removeprefix(above) for each in found["common_prefixes"]),
        )

    def delete(self, name: str) -> None:
        """Remove the object, if there is one."""
        import obstore

        check_name(name)
        try:
            self._call(name, lambda: obstore.delete(self._clients.quick, self._above + name))
        except ObjectMissing:
            return

    def replace_probe(self, name: str, content: bytes) -> None:
        """Put an object below ``probe/`` in the place of another, as a thief would who keeps no rules.

        It tells what this credential may do. Raises ``UsageError`` for any other name.
        """
        import obstore

        check_name(name)
        if not name.startswith("probe/"):
            raise UsageError("{name} is not there to be replaced.", hint="Only probes are.", name=name)
        self._call(name, lambda: obstore.put(self._clients.quick, self._above + name, content, use_multipart=False))

    def sweep(self) -> int:
        """Return 0: the service shows a put whole or drops it."""
        return 0

    def close(self) -> None:
        """Do nothing: the library keeps and closes its connections."""

    def _exists(self, name: str) -> bool:
        try:
            self.stat(name)
        except ObjectMissing:
            return False
        return True

    def _describe(self, meta: "ObjectMeta") -> ObjectInfo:
        modified: datetime = meta["last_modified"]
        return ObjectInfo(
            name=meta["path"].removeprefix(self._above),
            size=meta["size"],
            modified_ms=int(modified.timestamp()) * 1000,
        )

    def _call(self, name: str, call: Callable[[], Result], *, wanted_end: int | None = None) -> Result:
        """Return what the library returns, and raise our errors for its own."""
        try:
            return call()
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001  a panic of the library is no Exception
            fault = CloudFault(error)
        # Raised out here, so that no traceback shows the library's own words.
        if fault.names_a_missing_object:
            raise object_missing(name, self.location)
        if fault.says_exists:
            raise object_exists(name, self.location)
        if fault.says_out_of_range and wanted_end is not None:
            raise short_read(name, self.location, size=self.stat(name).size, end=wanted_end)
        raise translate_cloud_fault(fault, name, self.location)


def _place_before(prefix: str) -> str | None:
    """Return a name just before every name that starts with ``prefix``, to start a listing at; or ``None``."""
    if not prefix[-1:].isalnum() or prefix[-1] in "0Aa":
        return None
    return prefix[:-1] + chr(ord(prefix[-1]) - 1)
