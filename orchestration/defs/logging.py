"""How a run speaks in a terminal: one short line an event, with the time and the step.

What is logged does not belong here.
"""

import logging
import sys

import dagster as dg


class ShortLine(logging.Formatter):
    """`HH:MM:SS step: message`, without the run id that Dagster puts in each line."""

    def format(self, record: logging.LogRecord) -> str:
        meta = getattr(record, "dagster_meta", {})
        step = meta.get("step_key") or meta.get("job_name") or "run"
        text = meta.get("orig_message") or record.getMessage()
        line = f"{self.formatTime(record, '%H:%M:%S')} {step}: {text}"
        return line if record.levelno < logging.WARNING else f"{line}  [{record.levelname}]"


@dg.logger(
    {"log_level": dg.Field(str, is_required=False, default_value="INFO")},
    description="Short lines for a terminal.",
)
def terminal_logger(init_context: dg.InitLoggerContext) -> logging.Logger:
    """Log to standard error at the configured level."""
    logger = logging.Logger("terminal", level=init_context.logger_config["log_level"])
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ShortLine())
    logger.addHandler(handler)
    return logger
