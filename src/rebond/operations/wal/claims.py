"""Who may archive under a name: said once in the vault, and changed only by saying it anew.

What a claim holds only the owner can read; a writer can tell whether it holds what he expects.
"""

from dataclasses import dataclass

from rebond.errors import Refused
from rebond.vault.access import Vault
from rebond.vault.streams import StoredItem, has_content, list_items, put_item


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A thing that one holder has at a time: ``subject`` names it within ``stream``."""

    stream: str
    subject: str

    def name(self, generation: int) -> str:
        """Return the name of the item for one holder after another."""
        return f"{self.subject}/{generation}"


def hold_claim(vault: Vault, claim: Claim, holder: bytes, *, takes_over: bool = False) -> bool:
    """Say whether ``holder`` has what is claimed; where nobody has it, he has it from now on.

    With ``takes_over`` he has it in any case. Raises ``StoreError``, and ``VaultError`` when it cannot be told.
    """
    domain = vault.credentials.writing_domain()
    prefix = f"{claim.subject}/"
    items = [
        each
        for each in list_items(vault, claim.stream, domain=domain)
        if each.record.item.startswith(prefix) and each.record.item.removeprefix(prefix).isdecimal()
    ]
    newest = max(items, key=lambda each: int(each.record.item.removeprefix(prefix)), default=None)
    if newest is not None and has_content(vault, newest, holder):
        return True
    if newest is not None and not takes_over:
        return False
    generation = 0 if newest is None else int(newest.record.item.removeprefix(prefix)) + 1
    try:
        put_item(vault, claim.stream, claim.name(generation), holder, sequence=generation, for_ever=True)
    except Refused:  # somebody else was quicker
        return False
    return True


def find_held(vault: Vault, stream: str, holder: bytes) -> frozenset[str]:
    """Return the subjects of a stream that ``holder`` has now. Raises ``StoreError``."""
    newest: dict[str, tuple[int, StoredItem]] = {}
    for each in list_items(vault, stream, domain=vault.credentials.writing_domain()):
        subject, _, generation = each.record.item.rpartition("/")
        if generation.isdecimal() and int(generation) >= newest.get(subject, (0, each))[0]:
            newest[subject] = int(generation), each
    return frozenset(subject for subject, (_, item) in newest.items() if has_content(vault, item, holder))
