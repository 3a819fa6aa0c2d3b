"""Whether what a class saves at every change is saved as it is now, which the times of files alone do not tell."""

from collections.abc import Mapping

from rebond.cli.backup.apart import memory_of
from rebond.cli.invocation import Invocation
from rebond.cli.vaults.others import open_by_name
from rebond.clock import SystemClock
from rebond.config.model import Loaded
from rebond.errors import RebondError
from rebond.operations.shared_domains import enter_domain, find_private_domain
from rebond.operations.unchanged import is_saved_as_it_is
from rebond.progress import Observer
from rebond.stack.apart import find_class_of_change
from rebond.stack.as_restored import is_as_restored
from rebond.stack.objectives.ages import list_members
from rebond.stack.planning import plan_backup
from rebond.vault.access import Vault
from rebond.vault.snapshots import SnapshotRecord


def stands_as_it_is(
    invocation: Invocation,
    loaded: Loaded,
    vault: Vault,
    observer: Observer,
    class_name: str,
    newest: Mapping[str, SnapshotRecord],
) -> bool:
    """Say whether a backup by the class would find that nothing changed: of secrets, by their content.

    A restore that was taken back leaves files whose times are new and whose content is what was saved; one that stands
    leaves what is in its snapshot, and that may be the ``newest`` of each component that the class saves. ``False``
    where that is not known, also because something cannot be read.
    """
    try:
        members = list_members(loaded, class_name)
        if set(newest) == members and is_as_restored(
            invocation.state_folder, loaded, class_name, newest, SystemClock()
        ):
            return True
        plan = plan_backup(loaded, class_name=class_name)
        groups = [(name, plan.class_of_apart[name], each) for name, each in plan.apart.items()]
        for name, class_, components in groups:
            memory = memory_of(invocation, loaded, name, class_)
            with open_by_name(invocation, loaded, name, observer) as other:
                if not is_saved_as_it_is(other, components, stack=plan.stack, class_=class_, memory=memory):
                    return False
        if not plan.components:
            return bool(groups)
        name, class_ = "vault", class_name
        if (domain := find_private_domain(vault)) is not None:
            vault, name = enter_domain(vault, domain), "private"
            class_ = find_class_of_change(loaded.configuration, {each.name for each in plan.components}, class_name)
        memory = memory_of(invocation, loaded, name, class_)
        return is_saved_as_it_is(vault, plan.components, stack=plan.stack, class_=class_, memory=memory)
    except RebondError:
        return False
