"""The French catalogue: English templates and their translations, one module for each part that speaks."""

from rebond.language.fr.advice import ADVICE
from rebond.language.fr.channels import CHANNELS
from rebond.language.fr.checklists import CHECKLISTS
from rebond.language.fr.cli import CLI
from rebond.language.fr.cli_help import CLI_HELP
from rebond.language.fr.cli_keeping import CLI_KEEPING
from rebond.language.fr.closing import CLOSING
from rebond.language.fr.configuration import CONFIGURATION
from rebond.language.fr.databases_back import DATABASES_BACK
from rebond.language.fr.drill_answers import DRILL_ANSWERS
from rebond.language.fr.drills import DRILLS
from rebond.language.fr.exports import EXPORTS
from rebond.language.fr.file_fields import FILE_FIELDS
from rebond.language.fr.founding import FOUNDING
from rebond.language.fr.history import HISTORY
from rebond.language.fr.keeping import KEEPING
from rebond.language.fr.kinds import KINDS
from rebond.language.fr.objectives import OBJECTIVES
from rebond.language.fr.operations import OPERATIONS
from rebond.language.fr.point_in_time import POINT_IN_TIME
from rebond.language.fr.postgres import POSTGRES
from rebond.language.fr.pruning import PRUNING
from rebond.language.fr.reaching import REACHING
from rebond.language.fr.recovering import RECOVERING
from rebond.language.fr.restoring import RESTORING
from rebond.language.fr.runbook import RUNBOOK
from rebond.language.fr.runbook_guides import RUNBOOK_GUIDES
from rebond.language.fr.runbook_log import RUNBOOK_LOG
from rebond.language.fr.runbook_restoring import RUNBOOK_RESTORING
from rebond.language.fr.schedule import SCHEDULE
from rebond.language.fr.sets import SETS
from rebond.language.fr.sources import SOURCES
from rebond.language.fr.store import STORE
from rebond.language.fr.streams import STREAMS
from rebond.language.fr.tables_back import TABLES_BACK
from rebond.language.fr.troubles import TROUBLES
from rebond.language.fr.vault import VAULT
from rebond.language.fr.vault_objects import VAULT_OBJECTS
from rebond.language.fr.verifying_files import VERIFYING_FILES
from rebond.language.fr.wal import WAL

MESSAGES: dict[str, str] = {
    **ADVICE,
    **CHANNELS,
    **CLI,
    **CLI_HELP,
    **CLI_KEEPING,
    **CLOSING,
    **CONFIGURATION,
    **DATABASES_BACK,
    **EXPORTS,
    **FILE_FIELDS,
    **HISTORY,
    **FOUNDING,
    **KEEPING,
    **KINDS,
    **OPERATIONS,
    **POINT_IN_TIME,
    **POSTGRES,
    **PRUNING,
    **REACHING,
    **RECOVERING,
    **RESTORING,
    **SCHEDULE,
    **SOURCES,
    **SETS,
    **STORE,
    **STREAMS,
    **VAULT,
    **VERIFYING_FILES,
    **VAULT_OBJECTS,
    **CHECKLISTS,
    **RUNBOOK,
    **RUNBOOK_GUIDES,
    **RUNBOOK_LOG,
    **RUNBOOK_RESTORING,
    **TABLES_BACK,
    **TROUBLES,
    **WAL,
    **DRILLS,
    **DRILL_ANSWERS,
    **OBJECTIVES,
}
