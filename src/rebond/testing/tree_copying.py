"""From a source straight to a landing, without a vault between: how the two are tested together."""

from rebond.entries import Entry, EntryKind, Listing, Tree
from rebond.errors import TargetUnsafe
from rebond.sources.files.landing import Directory, FileLanding, LandedFile, Outcome

_WHOLE_LIMIT_BYTES = 1 << 20
_PIECE_BYTES = 1 << 18


def copy_tree(tree: Tree, landing: FileLanding) -> dict[Outcome, int]:
    """Copy everything; return how often each outcome came. Refused paths count as failed."""
    outcomes = dict.fromkeys(Outcome, 0)
    chain: list[Directory | None] = []
    links: dict[tuple[int, int], tuple[Directory, bytes]] = {}
    for listing in tree.listings():
        entry = listing.directory()
        del chain[listing.depth :]
        if listing.depth == 0:
            chain.append(landing.begin(entry))
        else:
            above = chain[-1]
            try:
                chain.append(None if above is None else landing.make_directory(above, entry))
            except TargetUnsafe:
                chain.append(None)
                outcomes[Outcome.FAILED] += 1
        here = chain[-1]
        if here is not None:
            for position in range(len(listing.names)):
                described = listing.describe(position)
                if described is not None:
                    outcomes[_copy_one(listing, position, described, here, landing, links)] += 1
    landing.finish()
    return outcomes


def _copy_one(
    listing: Listing,
    position: int,
    entry: Entry,
    here: Directory,
    landing: FileLanding,
    links: dict[tuple[int, int], tuple[Directory, bytes]],
) -> Outcome:
    if entry.link is not None and entry.link in links:
        return landing.make_link(here, entry.name, *links[entry.link])
    if entry.kind is EntryKind.FILE:
        outcome = _copy_file(listing, position, entry, here, landing)
    else:
        outcome = landing.make_special(here, entry)
    if entry.link is not None and outcome is not Outcome.FAILED:
        links[entry.link] = (here, entry.name)
    return outcome


def _copy_file(listing: Listing, position: int, entry: Entry, here: Directory, landing: FileLanding) -> Outcome:
    if entry.size <= _WHOLE_LIMIT_BYTES and not entry.holes:
        content = listing.read_small(position, entry.size)
        if content is not None:
            return landing.write_whole_file(here, entry, content)
    opened = listing.open(position)
    if opened is None:
        return Outcome.FAILED
    try:
        file = landing.create_file(here, entry)
        if isinstance(file, LandedFile):
            offset = 0
            while piece := opened.read(_PIECE_BYTES):
                landing.write_at(file, offset, piece)
                offset += len(piece)
            return landing.finish_file(file)
        return file
    finally:
        opened.close()
