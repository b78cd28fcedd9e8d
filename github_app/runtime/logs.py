"""Configure logging: one line per event, with tokens redacted."""

from __future__ import annotations

import io
import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from promotion.safe_text import printable, printable_lines, redact


def configure(*, json: bool, level: str = "INFO", stream: TextIO = sys.stderr) -> None:
    """Send our events and those of all libraries to *stream*, as JSON or readable text."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                *shared,
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(json=json, colors=stream.isatty()),
                _redact_line,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    _quieten_libraries()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def configure_for_commands() -> None:
    """Send only warnings and errors to stderr: a command's output is its result."""
    structlog.configure(
        processors=[
            _only_warnings,
            structlog.stdlib.add_log_level,
            *_renderers(json=False, colors=False),
            _redact_line,
        ],
        logger_factory=lambda *_names: structlog.PrintLogger(
            sys.stderr
        ),  # the stderr of that moment
        cache_logger_on_first_use=False,
    )


def _only_warnings(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    if method in ("debug", "info"):
        raise structlog.DropEvent
    return event


def _renderers(*, json: bool, colors: bool) -> list[Processor]:
    if json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [
        _printable_values,
        structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=_show_exception),
    ]


def _printable_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape control characters, so that no name can control the terminal or fake a line."""
    return {
        key: printable(value) if isinstance(value, str) else value for key, value in event.items()
    }


def _show_exception(stream: TextIO, exc_info: ExcInfo) -> None:
    """Write the plain traceback: the rich one prints local variables, which may be secrets."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    stream.write(printable_lines(text.getvalue()))


def _redact_line(_logger: WrappedLogger, _method: str, line: EventDict | str) -> str:
    """Redact tokens in the finished line, which covers every field and traceback."""
    return redact(str(line))


def _quieten_libraries() -> None:
    """Limit libraries to warnings; our own events cover the rest."""
    for name in ("uvicorn", "dbos", "alembic", "urllib3", "filelock"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # DBOS adds a handler of its own unless its logger has one, and then bypasses ours.
    dbos = logging.getLogger("dbos")
    dbos.handlers[:] = [logging.NullHandler()]
    dbos.propagate = True
