"""What ``restore --delete`` set aside and what ``restore --verify`` read back, as it is told."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rebond.cli.invocation import Invocation
from rebond.cli.output.answering import note
from rebond.cli.output.speech import show_path, tr
from rebond.units import format_size

if TYPE_CHECKING:
    from rebond.operations.restore_comparing import Comparison
    from rebond.operations.restore_planning import RestoreRequest


def tell_surplus(invocation: Invocation, request: "RestoreRequest", path: bytes) -> None:
    """Name what would be set aside; what was set aside is told as a sum."""
    if request.dry_run:
        note(invocation, tr("Would be set aside: {path}", path=show_path(path)))


def describe_comparison(compared: "Comparison | None") -> dict[str, Any]:
    """Return the part of the document; empty where nothing was compared."""
    if compared is None:
        return {}
    return {
        "set_aside": compared.surplus,
        "aside": show_path(compared.aside) if compared.surplus else None,
        "read_back": {"files": compared.files, "bytes": compared.read_bytes, "different": compared.different},
    }


def tell_comparison(compared: "Comparison | None", *, is_dry: bool) -> Iterator[str]:
    """Say where the surplus lies now, and that what was read back is what was saved."""
    if compared is None or is_dry:
        return
    if compared.surplus:
        aside = show_path(compared.aside)
        yield tr(
            "Set aside, since the snapshot does not have it: {count}, now in {aside}",
            count=compared.surplus,
            aside=aside,
        )
    if compared.files and not compared.different:
        size = format_size(compared.read_bytes)
        yield tr("Read back: {count} files, {size}, each as it was saved.", count=compared.files, size=size)
