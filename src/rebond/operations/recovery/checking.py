"""What is looked at before anything changes: that the vault still has it, and that there is room."""

import os
from collections import Counter
from collections.abc import Callable, Iterable

from msgspec import Struct

from rebond.clock import Clock
from rebond.errors import CommandFailed, RebondError, RestoreError
from rebond.operations.recovery.parts import Part, Source
from rebond.units import format_size

_RESERVE_BYTES = 64 << 20  # that stay free on a disk, for whatever else is written meanwhile
_TRY_EVERY_SECONDS = 0.5


class Question(Struct, frozen=True, kw_only=True):
    """A question whose answer says that the application works again. ``ask`` raises ``RebondError`` as long as not."""

    name: str
    ask: Callable[[], None]
    within_seconds: float


def verify_sources(sources: Iterable[Source]) -> None:
    """Open every snapshot that is needed, and find its parts. Raises ``VaultDamaged`` when that is not possible.

    Every byte is checked when it is fetched, which is before anything live is touched.
    """
    for source in {each.record.snapshot: each for each in sources}.values():
        with source.reading():
            pass


def check_room(parts: Iterable[Part]) -> None:
    """Raise ``RestoreError`` where a disk has no room for what is brought, while the old version stays."""
    needed: Counter[int] = Counter()
    places: dict[int, bytes] = {}
    for part in parts:
        for room in part.rooms():
            place = room.path
            while not os.path.isdir(place):
                place = os.path.dirname(place) or b"/"
            device = os.stat(place).st_dev
            needed[device] += room.needed_bytes
            places.setdefault(device, place)
    for device, needed_bytes in needed.items():
        found = os.statvfs(places[device])
        free_bytes = found.f_bavail * found.f_frsize
        if needed_bytes and needed_bytes + min(_RESERVE_BYTES, needed_bytes) > free_bytes:
            raise RestoreError(
                "{place} has room for {free}; the new version needs {needed} there beside the old one.",
                hint="Free some space there, accept earlier restores (--accept RUN), or restore a part only.",
                place=places[device].decode(errors="backslashreplace"),
                free=format_size(free_bytes),
                needed=format_size(needed_bytes),
            )


def ask_until_good(question: Question, clock: Clock) -> None:
    """Ask until the answer is good. Raises ``CommandFailed`` when it is not in time."""
    began = clock.monotonic()
    while True:
        try:
            question.ask()
        except RebondError as error:
            if clock.monotonic() - began + _TRY_EVERY_SECONDS > question.within_seconds:
                raise CommandFailed(
                    "'{question}' had no good answer within {seconds} s: {reason}",
                    hint="See why the application does not answer.",
                    question=question.name,
                    seconds=round(question.within_seconds),
                    reason=error,
                ) from error
            clock.sleep(_TRY_EVERY_SECONDS)
        else:
            return


def ask_address(url: str, *, status: int, timeout_seconds: float) -> None:
    """Ask an address once. Raises ``CommandFailed`` unless it answers with ``status``; no redirection is followed."""
    import urllib.error  # noqa: PLC0415 - only where an address is asked
    import urllib.request  # noqa: PLC0415

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    request = urllib.request.Request(url, headers={"User-Agent": "rebond"})  # noqa: S310 - the user's own address
    try:
        with urllib.request.build_opener(NoRedirect).open(request, timeout=timeout_seconds) as response:
            found = response.status
    except urllib.error.HTTPError as error:
        found = error.code
        error.close()
    except (OSError, ValueError) as error:
        raise CommandFailed(
            "{url} does not answer: {reason}", url=url, reason=str(getattr(error, "reason", "") or error)
        ) from error
    if found != status:
        raise CommandFailed("{url} answers with {found} instead of {status}.", url=url, found=found, status=status)
