"""Vaults that were made since the service began: a unit of systemd may write only to what was there when it began."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from rebond.presence import is_folder


class LatePlaces:
    """Folders that were missing once. Where systemd started this process, one that is there now may be shut to it.

    To end, and be started again, opens it; once: whatever was there when a service began is no reason to end.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._is_unit = bool(environment.get("NOTIFY_SOCKET"))
        self._known: set[Path] = set()
        self._missing: set[Path] = set()

    def want(self, places: Iterable[Path]) -> None:
        """Look which of them are there; of those that were looked at before, the first look counts."""
        for place in places:
            if place not in self._known:
                self._known.add(place)
                if not is_folder(place):
                    self._missing.add(place)

    def find_shut(self) -> Path | None:
        """Return a folder that was made since and lies on what is read-only for this process alone, it seems."""
        if not self._is_unit:
            return None
        for place in sorted(self._missing):
            try:
                if is_folder(place) and os.statvfs(place).f_flag & os.ST_RDONLY:
                    return place
            except OSError:  # gone again, or not to be looked at: runs tell of that
                continue
        return None
