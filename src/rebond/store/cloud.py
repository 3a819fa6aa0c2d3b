"""Stores in the cloud: S3 and what speaks it, Google Cloud Storage, Azure Blob Storage."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from rebond.errors import ObjectMissing, ShortRead, StoreError, StoreUnfit, StoreUnreachable, UsageError
from rebond.interruptions import join
from rebond.store.cloud_address import CloudAddress
from rebond.store.cloud_clients import Patience, make_clients
from rebond.store.cloud_faults import CloudFault, is_of_an_odd_name, translate_cloud_fault
from rebond.store.faults import object_exists, object_missing, short_read
from rebond.store.names import check_name, check_prefix, check_range, is_valid_name
from rebond.store.protocol import ObjectInfo, StoreTraits

if TYPE_CHECKING:
    from datetime import datetime

    from obstore import Attributes, ObjectMeta

Result = TypeVar("Result")

_CONCURRENCY = 8
_LARGE_BYTES = 256 * 1024  # a larger put may take longer than a silent connection may
_AT_ONCE = 100  # of a listing, a page's tenth: what came before a page that fails is kept
_PACKS = "packs/"
_ALWAYS_THERE = "vault.json"  # in every vault, behind all other names


class CloudStore:
    """Objects in one bucket below a prefix. Credentials come from the environment and are never printed.

    Every request is bounded by ``patience`` and made once; ``RetryingStore`` makes it again. The
    storage class of the address is given to packs, which are large and rarely read, to the probe that
    stands for them, and to nothing else. Store times are whole seconds, as the protocols' headers have no more.
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
        if self._address.storage_class and _is_like_a_pack(name):
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
        try:
            found = self._call(name, lambda: obstore.head(self._clients.quick, self._above + name))
        except ObjectMissing:
            self._require_missing(name)
            raise
        return self._describe(found)

    def list_objects(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield every object whose name starts with ``prefix``, in byte order; any fault raises.

        Things whose names no object can have are passed over.
        """
        return self.list_after(prefix, "")

    def list_after(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        """Yield likewise those that come after the name ``after``: a listing that broke off goes on there.

        A service, and whatever stands before it, may answer 200 with an error or a page of its own, which
        the library takes for a page of nothing. So what may have been cut short is confirmed by an answer
        that shows something, and goes on where that shows more. Raises ``StoreUnreachable`` when none does.
        """
        check_prefix(prefix)
        place: str | None = after
        is_again = False
        while place is not None:
            went_to = yield from self._list_once(prefix, place, is_again=is_again)
            is_again = went_to == place
            place = went_to

    def _list_once(self, prefix: str, after: str, *, is_again: bool) -> Generator[ObjectInfo, None, str | None]:
        """Yield what one listing gives; return the name to go on from, if it was cut or the folder has grown."""
        folder = prefix.rpartition("/")[0]
        start = max(_place_before(prefix) if prefix[len(folder) :].strip("/") else "", after)
        last = ""
        for meta in self._walk(folder, start):
            name = meta["path"].removeprefix(self._above)
            if name <= last:
                raise StoreUnfit(
                    "{location} lists objects out of order: {name} after {last}.",
                    hint="Use another kind of bucket; directory buckets cannot hold a vault.",
                    location=self.location,
                    name=name,
                    last=last,
                )
            last = name
            if not name.startswith(prefix):
                if name > prefix:
                    return None
                continue
            if name > after and is_valid_name(name):
                yield self._describe(meta)
        if self._address.scheme == "az":  # is believed: the library takes none of its errors for an empty page
            return None
        if folder and last and (shown := self._show_end(folder, last)) >= last:
            return last if shown > last else None
        if not self._ends_at(folder, start, last):
            if not is_again:  # somebody may just have put the first thing there
                return max(after, last) if last.startswith(prefix) else after
            raise StoreUnreachable(
                "{location} did not list all that lies there: the list of {name} breaks off.",
                hint="Look whether something else answers in its place, such as a proxy or a page that asks for a"
                " login, then run the same command again.",
                location=self.location,
                name=prefix or self.location,
            )
        return None

    def _walk(self, folder: str, start: str) -> Iterator["ObjectMeta"]:
        """Yield what the service lists of a folder and of those in it, after the place ``start``."""
        import obstore

        pages = self._call(
            folder,
            lambda: iter(
                obstore.list(
                    self._clients.quick,
                    (self._above + folder) or None,
                    offset=self._above + start if start else None,
                    chunk_size=_AT_ONCE,
                )
            ),
        )
        while (page := self._call(folder, lambda: next(pages, None))) is not None:
            for meta in page:
                if meta["path"].startswith(self._above):  # else it is the mark that consoles make of a folder
                    yield meta

    def _ends_at(self, folder: str, start: str, last: str) -> bool:
        """Say whether an answer that shows something confirms that a listing after ``start`` ends at ``last``."""
        if not folder:
            return last >= _ALWAYS_THERE or start >= _ALWAYS_THERE or not self._exists(_ALWAYS_THERE)
        # Nothing was listed, or what came last is gone by now.
        if not self._lists_something(folder):
            return True
        if not start and not last:
            return False
        newest = max((meta["path"].removeprefix(self._above) for meta in self._walk(folder, "")), default="")
        return bool(newest) and newest <= max(start, last) and self._show_end(folder, newest) == newest

    def _show_end(self, folder: str, name: str) -> str:
        """List from just before ``name``; return the first name behind it, or the last one up to it, or ``""``."""
        before = name[:-1].rstrip(".")  # the library takes no folder called "." or ".."
        shown = ""
        for meta in self._walk(folder, before):
            shown = meta["path"].removeprefix(self._above)
            if shown > name:
                break
        return shown

    def _lists_something(self, folder: str) -> bool:
        """Say whether there is something in a folder, or no answer shows that there is nothing.

        A folder above it that shows others, and not this one, shows it. The vault's own shows ``vault.json``.
        """
        while folder:
            above, _, own = folder.rpartition("/")
            try:
                objects, folders = self.list_folder(above)
            except StoreError as error:
                if not is_of_an_odd_name(error):
                    raise
                # Lists are answered, then: the library cannot read a name in this one.
                return next(self._walk(folder, ""), None) is not None
            if own in folders:
                return True
            if above and (objects or folders):
                return False
            if not above:
                return _ALWAYS_THERE not in objects and self._exists(_ALWAYS_THERE)
            folder = above
        return True

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
            self._require_missing(name)

    def replace_probe(self, name: str, content: bytes) -> None:
        """Put an object below ``probe/`` in the place of another, as a thief would who keeps no rules.

        It tells what this credential may do. Raises ``UsageError`` for any other name.
        """
        import obstore

        check_name(name)
        if not name.startswith("probe/"):
            raise UsageError("{name} is not there to be replaced.", hint="Only probes are.", name=name)
        self._call(name, lambda: obstore.put(self._clients.quick, self._above + name, content, use_multipart=False))

    def settle(self, names: Iterable[str]) -> None:
        """Do nothing: what the service lists, it keeps."""

    def sweep(self) -> int:
        """Return 0: the service shows a put whole or drops it."""
        return 0

    def close(self) -> None:
        """Do nothing: the library keeps and closes its connections."""

    def _require_missing(self, name: str) -> None:
        """Raise ``StoreError`` unless the service itself says that there is no such object, and not a proxy."""
        import obstore

        path = self._above + name
        try:
            self._call(name, lambda: obstore.get_range(self._clients.quick, path, start=0, length=1), wanted_end=1)
        except ObjectMissing:
            return
        except ShortRead:
            pass  # it is there, and empty
        raise StoreUnreachable(
            "{location} says that {name} is there, and that it is not.",
            hint="Look whether something else answers in its place, such as a proxy, then run the same command again.",
            location=self.location,
            name=name,
        )

    def _exists(self, name: str) -> bool:
        import obstore

        try:
            self._call(name, lambda: obstore.head(self._clients.quick, self._above + name))
        except ObjectMissing:
            self._require_missing(name)
            return False
        return True

    def _describe(self, meta: "ObjectMeta") -> ObjectInfo:
        name = meta["path"].removeprefix(self._above)
        modified: datetime = meta["last_modified"]
        seconds = int(modified.timestamp())
        if seconds <= 0:  # the library's word for no time at all; it would make every object very old
            raise StoreUnfit(
                "{location} does not say when {name} was stored.",
                hint="A vault depends on that. Look what stands before the server, or choose another.",
                location=self.location,
                name=name,
            )
        return ObjectInfo(name=name, size=meta["size"], modified_ms=seconds * 1000)

    def _call(self, name: str, call: Callable[[], Result], *, wanted_end: int | None = None) -> Result:
        """Return what the library returns, and raise our errors for its own."""
        try:
            return _wait_for(call)
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


def _wait_for(call: Callable[[], Result]) -> Result:
    """Return what ``call`` returns. Ctrl-C ends the waiting at once.

    The library would hear of it when the answer is there only, which a server may hold back for minutes; so the
    main thread, which is the one that is interrupted, lets another one ask.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    returned: list[Result] = []
    raised: list[BaseException] = []

    def ask() -> None:
        try:
            returned.append(call())
        except BaseException as error:  # noqa: BLE001  raised again below, in the thread that waits
            raised.append(error)

    asking = threading.Thread(target=ask, name="asking", daemon=True)
    asking.start()
    join(asking)
    if raised:
        raise raised[0]
    return returned[0]


def _is_like_a_pack(name: str) -> bool:
    """Say whether an object gets the storage class: a pack, and the probe that stands for packs."""
    return name.startswith(_PACKS) or (name.startswith("probe/") and f"/{_PACKS}" in name)


def _place_before(prefix: str) -> str:
    """Return a text just before every name that starts with ``prefix``, to start a listing at; or ``""``."""
    if not prefix:
        return ""
    below = "." if prefix[-1] in "0/" else chr(ord(prefix[-1]) - 1)  # "//" may stand in no name
    return f"{prefix[:-1]}{below}~"  # which sorts behind all signs of a name
