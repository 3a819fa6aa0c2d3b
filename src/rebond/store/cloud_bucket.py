"""One bucket below a prefix: what the library asks of a service, and our errors for what it says."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from rebond.errors import ObjectMissing, ShortRead, StoreError, StoreUnfit, StoreUnreachable
from rebond.interruptions import join
from rebond.store.cloud_address import CloudAddress
from rebond.store.cloud_clients import Patience, make_clients
from rebond.store.cloud_faults import CloudFault, translate_cloud_fault
from rebond.store.faults import object_exists, object_missing, short_read
from rebond.store.protocol import ObjectInfo

if TYPE_CHECKING:
    from datetime import datetime

    from obstore import ObjectMeta

Result = TypeVar("Result")

_PAGES = frozenset({"text/html", "application/xhtml+xml", "application/xml", "text/xml"})
_AT_ONCE = 100  # of a listing, a page's tenth: what came before a page that fails is kept


class CloudBucket:
    """What lies in a bucket below a prefix, asked for and our errors for what is answered.

    Every request is bounded by ``patience`` and made once. ``above`` stands before every name of ours.
    """

    def __init__(self, address: CloudAddress, patience: Patience) -> None:
        self.address = address
        self.clients = make_clients(address, patience)
        self.above = f"{address.prefix}/" if address.prefix else ""

    @property
    def location(self) -> str:
        """The address, which holds no credential."""
        return self.address.text

    def call(self, name: str, call: Callable[[], Result], *, wanted_end: int | None = None) -> Result:
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

    def stat(self, name: str) -> ObjectInfo:
        """Return size and store time; raises ``ObjectMissing``."""
        import obstore

        try:
            found = self.call(name, lambda: obstore.head(self.clients.quick, self.above + name))
        except ObjectMissing:
            self.require_missing(name)
            raise
        except StoreError as error:
            if not error.retryable:
                self.ask_for_words(name)
            raise
        self.require_object(name, found)
        return self.describe(found)

    def exists(self, name: str) -> bool:
        """Say whether there is such an object."""
        import obstore

        try:
            self.call(name, lambda: obstore.head(self.clients.quick, self.above + name))
        except ObjectMissing:
            self.require_missing(name)
            return False
        except StoreError as error:
            if not error.retryable:
                self.ask_for_words(name)
            raise
        return True

    def ask_for_words(self, name: str) -> None:
        """Raise why something is refused, if the service says so: an answer to HEAD has no words.

        Else a clock that is wrong and a token that has expired look like a right that is missing.
        """
        import obstore

        with contextlib.suppress(ObjectMissing, ShortRead):
            path = self.above + name
            self.call(name, lambda: obstore.get_range(self.clients.quick, path, start=0, length=1), wanted_end=1)

    def require_missing(self, name: str) -> None:
        """Raise ``StoreError`` unless the service itself says that there is no such object, and not a proxy."""
        import obstore

        path = self.above + name
        try:
            self.call(name, lambda: obstore.get_range(self.clients.quick, path, start=0, length=1), wanted_end=1)
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

    def read_whole(self, name: str) -> bytes:
        """Return an object."""
        import obstore

        def fetch() -> "tuple[ObjectMeta, str, bytes]":
            found = obstore.get(self.clients.quick, self.above + name)
            return found.meta, str(found.attributes.get("Content-Type", "")), found.bytes().to_bytes()

        meta, content_type, content = self.call(name, fetch)
        self.require_object(name, meta, content_type)
        return content

    def require_object(self, name: str, meta: "ObjectMeta", content_type: str = "") -> None:
        """Raise ``StoreUnreachable`` where what came is the page of something else: taken for the object it is damage.

        Every such service says of an object when it was stored, or its tag; and no object of a vault is a page.
        """
        is_described = meta["e_tag"] is not None or meta["last_modified"].timestamp() > 0
        if not is_described or content_type.partition(";")[0].strip().lower() in _PAGES:
            raise StoreUnreachable(
                "{location} was asked for {name} and answers with a page of something else.",
                hint="Look whether something else answers in its place, such as a proxy or a page that asks for a "
                "login, then run the same command again.",
                location=self.location,
                name=name,
            )

    def describe(self, meta: "ObjectMeta") -> ObjectInfo:
        """Return what the library says of an object. Raises ``StoreUnfit`` where it has no time."""
        name = meta["path"].removeprefix(self.above)
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

    def walk(self, folder: str, start: str) -> Iterator[tuple[str, "ObjectMeta"]]:
        """Yield, by name, what the service lists of a folder and of those in it, after the place ``start``."""
        import obstore

        pages = self.call(
            folder,
            lambda: iter(
                obstore.list(
                    self.clients.quick,
                    (self.above + folder) or None,
                    offset=self.above + start if start else None,
                    chunk_size=_AT_ONCE,
                )
            ),
        )
        while (page := self.call(folder, lambda: next(pages, None))) is not None:
            for meta in page:
                path = meta["path"]
                if path.startswith(self.above):  # else it is the mark that consoles make of a folder
                    yield path.removeprefix(self.above), meta

    def list_folder(self, inner: str = "") -> tuple[frozenset[str], frozenset[str]]:
        """Return the names of the objects right below a folder, and those of the folders there; one level only."""
        import obstore

        above = f"{self.above}{inner}/" if inner else self.above
        found = self.call(inner, lambda: obstore.list_with_delimiter(self.clients.quick, above or None))
        return (
            frozenset(each["path"].removeprefix(above) for each in found["objects"]),
            frozenset(each.rstrip("/").removeprefix(above) for each in found["common_prefixes"]),
        )


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
