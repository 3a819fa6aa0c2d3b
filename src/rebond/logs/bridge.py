"""From Python's own logging into a log: for parts, and libraries, that write there."""

import logging

from rebond.logs.events import Weight
from rebond.logs.log import Log


class LogHandler(logging.Handler):
    """Passes records on to a log, with the text of an exception, masked like everything else."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; never raises."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # the values do not fit the words
            message = str(record.msg)
        self._log.write(message, _weigh(record.levelno))
        if record.exc_info and record.exc_info[1] is not None:
            self._log.write_error(record.exc_info[1])


def _weigh(level: int) -> Weight:
    if level >= logging.ERROR:
        return Weight.ERROR
    if level >= logging.WARNING:
        return Weight.WARNING
    return Weight.INFO if level >= logging.INFO else Weight.DEBUG
