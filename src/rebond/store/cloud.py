"""Stores in the cloud: S3 and what speaks it, Google Cloud Storage, Azure Blob Storage."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rebond.errors import ObjectMissing, UsageError
from rebond.store.cloud_address import CloudAddress
from rebond.store.cloud_bucket import CloudBucket
from rebond.store.cloud_clients import Patience
from rebond.store.cloud_listing import list_after
from rebond.store.faults import object_exists, short_read
from rebond.store.names import check_name, check_prefix, check_range
from rebond.store.protocol import ObjectInfo, StoreTraits

if TYPE_CHECKING:
    from obstore import Attributes

_CONCURRENCY = 8
_LARGE_BYTES = 256 * 1024  # a larger put may take longer than a silent connection may
_PACKS = "packs/"


class CloudStore:
    """Objects in one bucket below a prefix. Credentials come from the environment and are never printed.

    Every request is bounded by ``patience`` and made once; ``RetryingStore`` makes it again. The
    storage class of the address is given to packs, which are large and rarely read, to the probe that
    stands for them, and to nothing else. Store times are whole seconds, as the protocols' headers have no more.
    """

    def __init__(self, address: CloudAddress, *, patience: Patience | None = None) -> None:
        self._address = address
        self._bucket = CloudBucket(address, patience or Patience())
        self._above = self._bucket.above

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
        if self._address.storage_class and _is_like_a_pack(name):
            attributes = {"Storage-Class": self._address.storage_class}
        if not self._address.creates_conditionally and self._bucket.exists(name):
            raise object_exists(name, self.location)
        self._bucket.call(
            name,
            lambda: obstore.put(
                self._bucket.clients.patient if len(content) > _LARGE_BYTES else self._bucket.clients.quick,
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
            return self._bucket.read_whole(name)
        if not length:  # the protocols have no range of nothing, nor one that starts at the end
            size = self.stat(name).size
            if start > size:
                raise short_read(name, self.location, size=size, end=start)
            length = size - start if length is None else 0
            if length == 0:
                return b""
        content = self._bucket.call(
            name,
            lambda: obstore.get_range(self._bucket.clients.quick, path, start=start, length=length).to_bytes(),
            wanted_end=start + length,
        )
        if len(content) != length:
            raise short_read(name, self.location, size=start + len(content), end=start + length)
        return content

    def stat(self, name: str) -> ObjectInfo:
        """Return size and store time; raises ``ObjectMissing``."""
        check_name(name)
        return self._bucket.stat(name)

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield every object whose name starts with ``prefix``, in byte order; any fault raises.

        Things whose names no object can have are passed over.
        """
        return self.list_after(prefix, "")

    def list_after(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        """Yield likewise those that come after the name ``after``: a listing that broke off goes on there.

        Raises ``StoreUnreachable`` where nothing confirms that a listing is whole (see ``cloud_listing``).
        """
        check_prefix(prefix)
        return list_after(self._bucket, prefix, after)

    def list_folder(self, inner: str = "") -> tuple[frozenset[str], frozenset[str]]:
        """Return the names of the objects right below a folder, and those of the folders there; one level only."""
        return self._bucket.list_folder(inner)

    def delete(self, name: str) -> None:
        """Remove the object, if there is one."""
        import obstore

        check_name(name)
        try:
            self._bucket.call(name, lambda: obstore.delete(self._bucket.clients.quick, self._above + name))
        except ObjectMissing:
            self._bucket.require_missing(name)

    def replace_probe(self, name: str, content: bytes) -> None:
        """Put an object below ``probe/`` in the place of another, as a thief would who keeps no rules.

        It tells what this credential may do. Raises ``UsageError`` for any other name.
        """
        import obstore

        check_name(name)
        if not name.startswith("probe/"):
            raise UsageError("{name} is not there to be replaced.", hint="Only probes are.", name=name)
        self._bucket.call(
            name, lambda: obstore.put(self._bucket.clients.quick, self._above + name, content, use_multipart=False)
        )

    def settle(self, names: Iterable[str]) -> None:
        """Do nothing: what the service lists, it keeps."""

    def sweep(self) -> int:
        """Return 0: the service shows a put whole or drops it."""
        return 0

    def close(self) -> None:
        """Do nothing: the library keeps and closes its connections."""


def _is_like_a_pack(name: str) -> bool:
    """Say whether an object gets the storage class: a pack, and the probe that stands for packs."""
    return name.startswith(_PACKS) or (name.startswith("probe/") and f"/{_PACKS}" in name)
