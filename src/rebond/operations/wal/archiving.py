"""Into the vault: one file of a write-ahead log, checked, put once and never changed."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from rebond.errors import Refused, SourceUnfit, UsageError
from rebond.operations.wal.claims import Claim, find_held, hold_claim
from rebond.operations.wal.coverage import find_stored
from rebond.sources.postgres.wal_names import (
    is_archived,
    is_history,
    is_partial,
    is_segment,
    parse_history,
    parse_segment_name,
    stream_of_cluster,
    stream_of_segments,
    timeline_of,
)
from rebond.sources.postgres.wal_pages import FirstPage, check_segment, read_first_page
from rebond.vault.access import Vault
from rebond.vault.frames import LEVELS, RAW_LIMIT, Level, Texture
from rebond.vault.streams import holds_item, put_item

CLUSTERS = "wal-claims"
SMALL_FILE_BYTES = 1 << 20  # a history or a label is far shorter


@dataclass(frozen=True, slots=True, kw_only=True)
class WalFile:
    """A file that a server wants archived. ``system_id`` is what its data directory says, 0 where nobody looked.

    ``place`` tells one data directory from a copy of it; empty where the file does not come out of one.
    """

    name: str
    content: bytes | bytearray | memoryview
    system_id: int = 0
    place: str = ""


class WalArchive:
    """Archives for one component. Several threads may use it.

    ``get_vault`` returns the open vault; it may be another object later, when it was opened anew.
    """

    def __init__(self, get_vault: Callable[[], Vault], *, owner: str, level: Level = LEVELS["fast"]) -> None:
        """``owner`` names the stack and component, as ``STACK/COMPONENT``."""
        self._get_vault = get_vault
        self._owner = owner
        self._level = level
        self._lock = threading.Lock()
        self._known_cluster: FirstPage | None = None
        self._places: dict[tuple[int, int], str] = {}

    def push(self, file: WalFile) -> int:
        """Put a file; when this returns, it stands in the vault. Returns the system id of its cluster.

        The same file a second time is success. Raises ``SourceUnfit`` for a file that is not what its name says,
        ``Refused`` for one of a foreign cluster or a copied server and where another content is there already,
        ``StoreError`` and ``VaultError``.
        """
        if not is_archived(file.name):
            raise UsageError(
                "{name} is no name that PostgreSQL archives.",
                hint="Write archive_command = 'rebond-wal … push \"%p\"', as 'rebond wal settings' prints it.",
                name=file.name,
            )
        vault = self._get_vault()
        if is_segment(file.name) or is_partial(file.name):
            return self._push_segment(vault, file)
        if not file.system_id:
            raise UsageError(
                "{name} does not say of which cluster it is.",
                hint="Call the program in the data directory of the server, as PostgreSQL does.",
                name=file.name,
            )
        if len(file.content) > SMALL_FILE_BYTES:
            raise SourceUnfit(
                "{name} has {size} bytes, far more than such a file has.", name=file.name, size=len(file.content)
            )
        if is_history(file.name):
            parse_history(bytes(file.content))
        self._require_cluster(vault, file.system_id, None)
        put_item(
            vault,
            stream_of_cluster(file.system_id),
            file.name,
            file.content,
            sequence=timeline_of(file.name),
            for_ever=True,
            level=self._level,
        )
        return file.system_id

    def _push_segment(self, vault: Vault, file: WalFile) -> int:
        page = read_first_page(file.name, memoryview(file.content))
        check_segment(file.name, len(file.content), page)
        if file.system_id not in {0, page.system_id}:
            raise Refused(
                "{name} is of the cluster {found}, and the data directory that it lies in is of {own}.",
                hint="Somebody copied it there. Nothing was saved of it.",
                name=file.name,
                found=page.system_id,
                own=file.system_id,
            )
        if page.segment_bytes > RAW_LIMIT:
            raise SourceUnfit(
                "The segments of this cluster have {size} bytes; the vault takes them up to {limit}.",
                hint="Make its segments smaller: initdb and pg_resetwal take a wal-segsize of 64 or less.",
                size=page.segment_bytes,
                limit=RAW_LIMIT,
            )
        self._require_cluster(vault, page.system_id, page)
        timeline, number = parse_segment_name(file.name, page.segment_bytes)
        if is_partial(file.name):
            stream = stream_of_cluster(page.system_id)
        else:
            stream = stream_of_segments(page.system_id, timeline)
        # A standby that takes over archives the end of the timeline that it left; that is true whoever brings it.
        if not (
            is_partial(file.name)
            or self._is_at_home(vault, page.system_id, timeline, file.place)
            or find_stored(vault, stream, file.name)
        ):
            raise Refused(
                "{name} comes from another data directory than timeline {timeline} has come from until now.",
                hint="It may be a copy of the server: give it archive_mode = off. If the server has moved, run "
                "'rebond wal adopt --data DIR' once.",
                name=file.name,
                timeline=timeline,
            )
        put_item(vault, stream, file.name, file.content, sequence=number, level=self._level, texture=Texture.LOG)
        return page.system_id

    def _require_cluster(self, vault: Vault, system_id: int, page: FirstPage | None) -> None:
        """Refuse a cluster that is not the component's. The first that comes is."""
        with self._lock:
            known = self._known_cluster
            if known is not None and known.system_id == system_id:
                return
            if not hold_claim(vault, Claim(stream=CLUSTERS, subject=self._owner), describe_cluster(system_id)):
                raise Refused(
                    "The cluster {found} is not the one that {owner} archives.",
                    hint="Look at which server calls this. After pg_upgrade or initdb, run "
                    "'rebond wal adopt --data DIR' once.",
                    found=system_id,
                    owner=self._owner,
                )
            if page is not None:
                self._known_cluster = page

    def _is_at_home(self, vault: Vault, system_id: int, timeline: int, place: str) -> bool:
        """Say whether a data directory may archive on a timeline: it does so already, or nobody does, or it is further.

        What has gone on to a later timeline of the cluster writes nothing on an earlier one any more: what it has of
        that is what it took over.
        """
        if not place:
            return True
        with self._lock:
            known = self._places.get((system_id, timeline))
            if known is None and hold_claim(vault, claim_of_place(system_id, timeline), place.encode()):
                known = self._places[system_id, timeline] = place
            return known == place or self._is_further(vault, system_id, timeline, place)

    def _is_further(self, vault: Vault, system_id: int, timeline: int, place: str) -> bool:
        held = find_held(vault, f"{CLUSTERS}/{system_id}", place.encode())
        return any(subject > claim_of_place(system_id, timeline).subject for subject in held)

    def is_own(self, system_id: int) -> bool:
        """Say whether a cluster is the one that archives here, by what the vault was told. Raises ``StoreError``."""
        return self._owner in find_held(self._get_vault(), CLUSTERS, describe_cluster(system_id))

    def has(self, file: WalFile) -> bool:
        """Say whether this machine put a segment into the vault as it is. Raises ``StoreError``, ``VaultError``."""
        page = read_first_page(file.name, memoryview(file.content))
        timeline, _ = parse_segment_name(file.name, page.segment_bytes)
        stream = stream_of_segments(page.system_id, timeline)
        return page.system_id == file.system_id and holds_item(self._get_vault(), stream, file.name, file.content)

    def forget_claims(self) -> None:
        """Ask the vault again who may archive: somebody may have said it anew."""
        with self._lock:
            self._known_cluster = None
            self._places.clear()


def describe_cluster(system_id: int) -> bytes:
    """Return what a claim of a component says."""
    facts: Mapping[str, object] = {"system_id": system_id}
    return msgspec.json.encode(facts)


def claim_of_place(system_id: int, timeline: int) -> Claim:
    """The claim of a data directory to a timeline."""
    return Claim(stream=f"{CLUSTERS}/{system_id}", subject=f"place/{timeline:08X}")


def adopt(vault: Vault, owner: str, system_id: int, timeline: int, place: str) -> None:
    """Let a cluster and a data directory archive for a component from now on. Raises ``StoreError``."""
    hold_claim(vault, Claim(stream=CLUSTERS, subject=owner), describe_cluster(system_id), takes_over=True)
    if place:
        hold_claim(vault, claim_of_place(system_id, timeline), place.encode(), takes_over=True)
