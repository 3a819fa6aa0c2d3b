"""The page of objectives and facts, written anew after each run where the configuration has one."""

from pathlib import Path

from rebond.cli.invocation import Invocation
from rebond.cli.output.page_language import choose_page_language
from rebond.cli.output.speech import speaking
from rebond.cli.status.gathering import find_status
from rebond.cli.status.shown import write_page
from rebond.config.model import Loaded
from rebond.findings import Finding, Severity
from rebond.logs.masking import mask
from rebond.progress import Observer
from rebond.vault.access import Vault


def write_page_after_run(invocation: Invocation, vault: Vault, loaded: Loaded, observer: Observer) -> list[Finding]:
    """Write the page, in the stack's language; whatever keeps it from being written is told and fails nothing."""
    serve = loaded.configuration.serve
    path = Path(loaded.root, (serve.page or "") if serve is not None else "")
    try:
        with speaking(choose_page_language(invocation, loaded.configuration.stack.language)):
            write_page(find_status(invocation, vault, loaded, observer, tries_canary=False), path)
    except Exception as error:  # noqa: BLE001 - also a fault of ours must not fail what is done
        return [
            Finding(
                code="page-not-written",
                severity=Severity.NOTE,
                subject=str(path),
                template="The run is done, but its page {path} could not be written: {reason}",
                hint_template="Check [serve] page; 'rebond status --html FILE' writes it by hand.",
                values={"path": str(path), "reason": mask(str(error))},
            )
        ]
    return []
