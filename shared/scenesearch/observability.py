"""Logs: one JSON object a line in the cloud (Cloud Logging's field names), plain lines on a terminal."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """`severity`, `message`, `logger`, the extras of the call, and the traceback when there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {k: v for k, v in vars(record).items() if k not in _STANDARD}
        line |= {"severity": record.levelname, "message": record.getMessage(), "logger": record.name}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class PlainLines(logging.Formatter):
    """`WARNING a message (key=value …)`."""

    def format(self, record: logging.LogRecord) -> str:
        extras = ", ".join(f"{k}={v}" for k, v in vars(record).items() if k not in _STANDARD)
        line = f"{record.levelname} {record.getMessage()}" + (f" ({extras})" if extras else "")
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


def configure_logging(*, as_json: bool, level: int = logging.INFO) -> None:
    """Send our own records from `level` on, and warnings of libraries, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else PlainLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("scenesearch").setLevel(level)
