"""Distinct types for the things that are only bytes or text underneath."""

import os
from typing import NewType

SnapshotId = NewType("SnapshotId", bytes)  # 16 random bytes
SessionId = NewType("SessionId", bytes)  # 16 random bytes
MemberId = NewType("MemberId", bytes)  # 8 random bytes
DomainId = NewType("DomainId", bytes)  # 8 random bytes
VaultId = NewType("VaultId", bytes)  # 16 random bytes
MarkId = NewType("MarkId", bytes)  # 16 random bytes
ChunkId = NewType("ChunkId", bytes)  # 32 bytes, keyed hash of the content
ObjectName = NewType("ObjectName", str)  # where an object lies in a store


def random_id(length: int = 16) -> bytes:
    """Return ``length`` bytes of the operating system's randomness."""
    return os.urandom(length)
