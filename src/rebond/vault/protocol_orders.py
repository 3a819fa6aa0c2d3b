"""The orders of the deletion protocol: what is done before what (format page, sections 8-10 and 15).

They are rules like the decisions in ``protocol_rules``: the real code walks through them, and the model in
``tests/model`` permutes them.
"""

import enum


class LookStep(enum.StrEnum):
    """What a session does before it may refer to anything that is stored already."""

    OPEN = "open the session"
    LIST_MARKS = "list and read the marks"
    DECLARE = "declare the marks that were read"
    LIST_PACKS = "list the packs"


LOOK_ORDER = (LookStep.OPEN, LookStep.LIST_MARKS, LookStep.DECLARE, LookStep.LIST_PACKS)


class CommitStep(enum.StrEnum):
    """How a session ends: ``SnapshotSession.commit`` has the two, in this order."""

    PUT_RECORD = "put the commit record"
    PUT_DONE = "put the done record"


COMMIT_ORDER = (CommitStep.PUT_RECORD, CommitStep.PUT_DONE)


class PruneStep(enum.StrEnum):
    """What a keeper does under one mark."""

    PUT_MARK = "put the mark, or take one up"
    CLAIM = "claim the mark"
    CLOSE_SESSIONS = "close the sessions that do not know the mark"
    RECHECK = "work out anew what is needed"
    PUT_LISTS = "put index lists without what goes"
    DELETE = "delete"
    DELETE_MARK = "delete the mark"


PRUNE_ORDER = (
    PruneStep.PUT_MARK,
    PruneStep.CLAIM,
    PruneStep.CLOSE_SESSIONS,
    PruneStep.RECHECK,
    PruneStep.PUT_LISTS,
    PruneStep.DELETE,
    PruneStep.DELETE_MARK,
)


class RecheckStep(enum.StrEnum):
    """What a keeper lists to know what is needed and where else it lies."""

    READ_KNOWN = "read what the run records know"
    LIST_MARKS = "list the marks"
    LIST_PACKS = "list the packs"
    LIST_SNAPSHOTS = "list the snapshots"
    READ_FORGOTTEN = "read what the run records say is being forgotten"


RECHECK_ORDER = (
    RecheckStep.READ_KNOWN,
    RecheckStep.LIST_MARKS,
    RecheckStep.LIST_PACKS,
    RecheckStep.LIST_SNAPSHOTS,
    RecheckStep.READ_FORGOTTEN,
)


class ForgetStep(enum.StrEnum):
    """How commit records leave the vault under the mark that forgot them."""

    TAKE_MARK = "take up the mark that forgot them, or put a new one"
    READ_HOLDS = "read the holds"
    CLAIM = "claim the mark, and say what is spared"
    NAME_IN_RUN = "put a run record that names them as being forgotten"
    PUT_TOMBSTONES = "put a tombstone where the writer may still repeat its put"
    DELETE_RECORDS = "delete the records"
    DELETE_JOURNALS = "delete their journals"
    DELETE_MARK = "delete the mark"


FORGET_ORDER = (
    ForgetStep.TAKE_MARK,
    ForgetStep.READ_HOLDS,
    ForgetStep.CLAIM,
    ForgetStep.NAME_IN_RUN,
    ForgetStep.PUT_TOMBSTONES,
    ForgetStep.DELETE_RECORDS,
    ForgetStep.DELETE_JOURNALS,
    ForgetStep.DELETE_MARK,
)


class HoldStep(enum.StrEnum):
    """How a hold is set so that it holds."""

    PUT_HOLD = "put the hold"
    LOOK = "list the marks, then the snapshot"


HOLD_ORDER = (HoldStep.PUT_HOLD, HoldStep.LOOK)


class UndeleteStep(enum.StrEnum):
    """How a snapshot is taken out of the trash."""

    CLAIM_MARKS = "claim every mark that names it, in order to take it back"
    RENEW_MARKS = "end the marks that were taken back"
    LOOK = "list the marks again, then the snapshot"


UNDELETE_ORDER = (UndeleteStep.CLAIM_MARKS, UndeleteStep.RENEW_MARKS, UndeleteStep.LOOK)


class RenewalStep(enum.StrEnum):
    """How anybody ends a mark that was taken back, also for a process that died."""

    PUT_NEXT = "put the mark that follows it, on what was not taken back"
    DELETE_MARK = "delete the mark that was taken back"


RENEWAL_ORDER = (RenewalStep.PUT_NEXT, RenewalStep.DELETE_MARK)
