"""What was noticed on the way, when the work went on all the same."""

import enum
from collections.abc import Mapping

from msgspec import Struct, field

from rebond.wording import fill


class Severity(enum.StrEnum):
    """How much a finding matters."""

    NOTE = "note"
    WARNING = "warning"  # something could not be read or done: exit status 3
    DAMAGE = "damage"  # stored bytes are not what was written: exit status 4


class Finding(Struct, frozen=True, kw_only=True):
    """One thing worth telling: what, to what, and what to do about it.

    ``template`` and ``hint_template`` are English templates filled with ``values`` (see
    ``rebond.wording``); ``subject`` is the path, object or component concerned.
    """

    code: str
    severity: Severity
    subject: str
    template: str
    hint_template: str = ""
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """What was noticed, in English."""
        return fill(self.template, self.values)

    @property
    def hint(self) -> str:
        """What to do about it, in English; empty when nothing is to be done."""
        return fill(self.hint_template, self.values)
