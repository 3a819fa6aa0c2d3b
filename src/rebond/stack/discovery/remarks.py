"""What is said about something that was found: an English template with its values, for a front end to translate."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One sentence. ``template`` is literal where it is made, so that the French catalogue can be checked."""

    template: str
    values: Mapping[str, object] = field(default_factory=dict)
