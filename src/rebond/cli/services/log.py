"""The log of a process that lives long: to standard error and to where the configuration says, without secrets."""

import contextlib
import logging
import sys
from collections.abc import Iterator

from rebond.cli.invocation import Invocation
from rebond.cli.output.observing import describe_finding
from rebond.cli.records.log_settings import describe_log
from rebond.config.model import Loaded
from rebond.logs.bridge import LogHandler
from rebond.logs.log import Log
from rebond.logs.masking import remember_variables


@contextlib.contextmanager
def log_of_service(invocation: Invocation, loaded: Loaded) -> Iterator[None]:
    """Write what happens to standard error and to the log of the configuration, a line each, without secrets."""
    remember_variables(loaded.variables)
    log = Log()
    log.open(describe_log(loaded), terminal=sys.stderr)
    for each in log.faults:
        sys.stderr.write(f"{describe_finding(each)}\n")
    logger, handler = logging.getLogger("rebond"), LogHandler(log)
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING if invocation.is_quiet else logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        log.close()
