"""New index lists in place of old ones: without packs that go, and fewer where there are many (§5, §10.7)."""

from collections.abc import Collection, Iterator, Sequence

from rebond.errors import ObjectMissing, VaultDamaged
from rebond.identifiers import DomainId, ObjectName
from rebond.vault.access import Vault
from rebond.vault.index import LIST_LIMIT
from rebond.vault.index_census import Census, CensusList, read_whole_list
from rebond.vault.list_putting import ListEntry, put_lists, rows_with_member
from rebond.vault.pack_contents import SegmentName

MANY_LISTS = 64


def choose_lists(lists: Sequence[CensusList], doomed: Collection[bytes]) -> tuple[CensusList, ...]:
    """Choose the lists to replace. Pure: those that name a doomed pack, and all but large ones of a crowded domain."""
    count: dict[DomainId, int] = {}
    for each in lists:
        count[each.domain] = count.get(each.domain, 0) + 1
    return tuple(
        each
        for each in lists
        if any(pack in doomed for pack in each.packs)
        or (count[each.domain] >= MANY_LISTS and each.size < LIST_LIMIT // 2)
    )


def rewrite_lists(
    vault: Vault, census: Census, replaced: Collection[str], doomed: Collection[bytes]
) -> tuple[ObjectName, ...]:
    """Put lists that name what the replaced ones name, but for doomed and vanished packs.

    Returns the replaced lists that are contained in the new ones and may go. A list that cannot be
    read any more stays.
    """
    contained: list[ObjectName] = []
    for domain in sorted({each.domain for each in census.lists if each.name in replaced}):
        chosen = [each for each in census.lists if each.domain == domain and each.name in replaced]
        merging = _Merging(vault, census, chosen, doomed)
        entries = list(merging.entries())
        if merging.contained:
            put_lists(vault, domain, entries, merging.contained)
            contained += merging.contained
    return tuple(contained)


class _Merging:
    """Reads lists one after the other and yields what is to be said again."""

    def __init__(self, vault: Vault, census: Census, chosen: Sequence[CensusList], doomed: Collection[bytes]) -> None:
        self._vault = vault
        self._census = census
        self._chosen = chosen
        self._doomed = doomed
        self._told: dict[bytes, set[SegmentName]] = {}
        self.contained: list[ObjectName] = []

    def entries(self) -> Iterator[ListEntry]:
        """Yield each pack once, unless two lists say different things of it."""
        for census_list in self._chosen:
            try:
                index_list = read_whole_list(self._vault, census_list)
            except (VaultDamaged, ObjectMissing):
                continue
            for pack in index_list.catalog.packs:
                names = {(row.session, row.number) for row in pack.rows}
                if not self._is_news(pack.pack_hash, names):
                    continue
                rows = rows_with_member(self._vault, index_list, pack)
                yield pack.pack_hash, pack.size, rows, [bytes(index_list.table(row)) for row in rows]
            self.contained.append(census_list.name)

    def _is_news(self, pack_hash: bytes, names: set[SegmentName]) -> bool:
        if pack_hash in self._doomed or self._census.table.find(pack_hash) is None:
            return False
        told = self._told.setdefault(pack_hash, set())
        if names and names <= told:
            return False
        told |= names
        return True
