"""Logs: one JSON object a line in the cloud (Cloud Logging's field names), plain lines on a terminal."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from functools import cache
from pathlib import Path
from typing import Any

from scenesearch.observability import tracing

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """`severity`, `message`, `logger`, the extras of the call, the span that is open, and the traceback when there is one."""

    def __init__(self, project: str = "") -> None:
        """`project`: where the spans are; without it lines name none."""
        super().__init__()
        self._project = project

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        line: dict[str, Any] = {k: v for k, v in vars(record).items() if k not in _STANDARD}
        line |= {"severity": record.levelname, "message": record.getMessage(), "logger": record.name}
        line |= tracing.log_fields(self._project)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class PlainLines(logging.Formatter):
    """`WARNING a message (key=value …)`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of text, and the traceback below it."""
        extras = ", ".join(f"{k}={v}" for k, v in vars(record).items() if k not in _STANDARD)
        line = f"{record.levelname} {record.getMessage()}" + (f" ({extras})" if extras else "")
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


@cache
def observe() -> None:
    """Log and trace as the place where this runs wants it: what every function does once, before its first request."""
    from scenesearch.config import Settings
    from scenesearch.errors import ConfigurationError

    try:
        settings = Settings.load()
    except ConfigurationError:  # whoever needs the settings says so, on the log that this sets up
        configure_logging(as_json="K_SERVICE" in os.environ)
        return
    configure_logging(as_json="K_SERVICE" in os.environ, project=settings.gcp_project)
    tracing.start(settings)


def configure_logging(*, as_json: bool, level: int = logging.INFO, project: str = "") -> None:
    """Send our own records from `level` on, and warnings of libraries, to stderr; `project` is where their spans are."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(project) if as_json else PlainLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("scenesearch").setLevel(level)


def without_words(error: BaseException) -> str:
    """Kinds and places of an error and of its causes. Not their messages, which may quote what somebody asked or what a video says."""
    lines: list[str] = []
    current: BaseException | None = error
    while current is not None:
        places = (f"  {Path(at.filename).name}:{at.lineno} in {at.name}" for at in traceback.extract_tb(current.__traceback__))
        lines += [type(current).__qualname__, *places]
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n".join(lines)
