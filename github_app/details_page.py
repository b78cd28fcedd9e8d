"""The page of a promotion's details: every line of what a check run has no room for."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from github_app import outcomes, report
from github_app.database import open_engine
from github_app.details_link import PREFIX, Links
from github_app.outcomes import KeptReport
from github_app.settings import Settings
from promotion.outcome import Conclusion, Outcome
from promotion.printable import printable

PACKAGE = Path(__file__).parent
STYLES = f"{PREFIX}/details.css"
_NAME = re.compile(r"[A-Za-z0-9_-]{32}")  # of a page
LOCK_WAIT_SECONDS = 2.0  # for the database, which has more important readers
PAGES_AT_ONCE = 2  # thousands of lines take a second; webhooks come first
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",  # the address is the key
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
TONES = {
    Conclusion.SUCCESS: "fine",
    Conclusion.NEUTRAL: "look",
    Conclusion.SKIPPED: "quiet",
    Conclusion.CANCELLED: "quiet",
    Conclusion.ACTION_REQUIRED: "look",
    Conclusion.TIMED_OUT: "bad",
    Conclusion.FAILURE: "bad",
}

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class DetailsPage:
    """Serves the pages; a wrong key and an unknown promotion get the same answer."""

    engine: sa.Engine  # its own: behind the worker's, a page would wait
    github_url: str
    _at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PAGES_AT_ONCE))

    def routes(self) -> list[Route]:
        return [Route(STYLES, _styles), Route(f"{PREFIX}/{{rest:path}}", self._show)]

    async def _show(self, request: Request) -> Response:
        public_id, _, key = request.path_params["rest"].partition("/")
        if not _NAME.fullmatch(public_id):
            return _missing()
        async with self._at_once:
            return await run_in_threadpool(self._answer, public_id, key)

    def _answer(self, public_id: str, key: str) -> Response:
        try:
            with self.engine.connect() as reader:
                kept = outcomes.read(reader, public_id, key)
        except sa.exc.SQLAlchemyError as exc:
            log.warning("details.unavailable", error=type(exc).__name__)
            return _render("details_unavailable.html", 503)
        if kept is None:
            return _missing()
        return _render("details.html", 200, **shown(kept, self.github_url))


def page_routes(settings: Settings, links: Links | None) -> list[Route]:
    """Return where the pages are; without links nobody could open one."""
    if links is None:
        return []
    engine = open_engine(settings.database_url, lock_wait_seconds=LOCK_WAIT_SECONDS)
    return DetailsPage(engine, settings.github.url).routes()


def shown(kept: KeptReport, github_url: str) -> Mapping[str, object]:
    """Return what the page shows, in the check run's words. Pure."""
    push, told = kept.push, kept.report
    ended = report.conclusion(told)
    return {
        "title": report.title(push, told),
        "conclusion": _words(ended),
        "tone": TONES[ended],
        "sign": report.SIGNS[ended],
        "repository": push.repository,
        "repository_url": f"{github_url}/{push.repository}",
        "kind": "Branch" if push.branch else "Tag",
        "name": push.branch or push.tag or push.ref,
        "commit": push.after,
        "commit_url": f"{github_url}/{push.repository}/commit/{push.after}",
        "workspace": told.workspace,
        "workspace_url": told.host,
        "at": datetime.fromtimestamp(kept.at, UTC),
        "cause": report.CAUSES.get(kept.cause, ""),
        "problem": told.problem,
        "next_step": told.next_step,
        "counts": _counts(told.outcomes),
        "moved": [_row(told.host, outcome) for outcome in report.worst_first(told)],
        "stays": [
            {
                "path": each.folder.path,
                "url": report.folder_url(told.host, each.folder),
                "reason": each.reason,
            }
            for each in sorted(told.decisions, key=lambda each: not each.blocked)
        ],
        "blind_spots": told.blind_spots,
    }


def _row(host: str, outcome: Outcome) -> Mapping[str, object]:
    return {
        "path": outcome.folder.path,
        "url": report.folder_url(host, outcome.folder),
        "sign": report.SIGNS[outcome.conclusion],
        "tone": TONES[outcome.conclusion],
        "conclusion": _words(outcome.conclusion),
        "before": (outcome.before or "")[:7],
        "after": (outcome.after or "")[:7],
        "reason": outcome.reason,
        "rule": outcome.rule,
        "next_step": outcome.next_step,
        "seconds": f"{outcome.seconds:.1f} s",
    }


def _counts(ended: tuple[Outcome, ...]) -> list[Mapping[str, object]]:
    """Return how many Git folders ended how, the worst first."""
    found = Counter(outcome.conclusion for outcome in ended)
    return [
        {"tone": TONES[each], "number": found[each], "words": _words(each)}
        for each in report.WORST_FIRST
        if found[each]
    ]


def _words(conclusion: Conclusion) -> str:
    return conclusion.value.replace("_", " ")


def _one_line(value: object) -> object:
    """Return hostile text without what could turn a reader's eye; templates' own text stays."""
    return printable(" ".join(value.split())) if type(value) is str else value


_TEMPLATES = Environment(
    loader=FileSystemLoader(PACKAGE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_one_line,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _render(template: str, status: int, /, **words: object) -> Response:
    text = _TEMPLATES.get_template(template).render(styles=STYLES, **words)
    return HTMLResponse(text, status, HEADERS)


def _missing() -> Response:
    return _render("details_missing.html", 404)


async def _styles(_request: Request) -> Response:
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "public, max-age=3600"}
    return FileResponse(PACKAGE / "static" / "details.css", headers=headers)
