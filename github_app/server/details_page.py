"""The details page of a promotion: the full report, beyond a check run's size limit."""

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

from github_app.config.settings import Settings
from github_app.reports import outcomes, render
from github_app.reports.details_link import PREFIX, Links
from github_app.reports.outcomes import KeptReport
from github_app.storage.database import open_engine
from promotion.model import Conclusion, Outcome
from promotion.safe_text import printable

PACKAGE = Path(__file__).parents[1]
STYLES = f"{PREFIX}/details.css"
_NAME = re.compile(r"[A-Za-z0-9_-]{32}")  # a page's public id
LOCK_WAIT_SECONDS = 2.0  # for the database; other readers are more important
PAGES_AT_ONCE = 2  # a page of thousands of lines takes a second; webhooks have priority
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",  # the URL contains the key
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
    """Serves the pages; the answer to a wrong key is the same as to an unknown promotion."""

    engine: sa.Engine  # not the worker's: a page would wait for its connections
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
    """Return the routes of the pages; none if there are no links to them."""
    if links is None:
        return []
    engine = open_engine(settings.database_url, lock_wait_seconds=LOCK_WAIT_SECONDS)
    return DetailsPage(engine, settings.github.url).routes()


def shown(kept: KeptReport, github_url: str) -> Mapping[str, object]:
    """Return the values of the page, worded as in the check run. Pure."""
    push, report = kept.push, kept.report
    ended = render.conclusion(report)
    return {
        "title": render.title(push, report),
        "conclusion": _words(ended),
        "tone": TONES[ended],
        "sign": render.SIGNS[ended],
        "repository": push.repository,
        "repository_url": f"{github_url}/{push.repository}",
        "kind": "Branch" if push.branch else "Tag",
        "name": push.branch or push.tag or push.ref,
        "commit": push.after,
        "commit_url": f"{github_url}/{push.repository}/commit/{push.after}",
        "workspace": report.workspace,
        "workspace_url": report.host,
        "at": datetime.fromtimestamp(kept.at, UTC),
        "cause": render.CAUSES.get(kept.cause, ""),
        "problem": report.problem,
        "next_step": report.next_step,
        "counts": _counts(report.outcomes),
        "moved": [_row(report.host, outcome) for outcome in render.worst_first(report)],
        "unchanged": [
            {
                "path": each.folder.path,
                "url": render.folder_url(report.host, each.folder),
                "reason": each.reason,
            }
            for each in sorted(report.decisions, key=lambda each: not each.blocked)
        ],
        "unreadable": report.unreadable,
    }


def _row(host: str, outcome: Outcome) -> Mapping[str, object]:
    return {
        "path": outcome.folder.path,
        "url": render.folder_url(host, outcome.folder),
        "sign": render.SIGNS[outcome.conclusion],
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
    """Return the number of Git folders by conclusion, worst first."""
    found = Counter(outcome.conclusion for outcome in ended)
    return [
        {"tone": TONES[each], "number": found[each], "words": _words(each)}
        for each in render.WORST_FIRST
        if found[each]
    ]


def _words(conclusion: Conclusion) -> str:
    return conclusion.value.replace("_", " ")


def _one_line(value: object) -> object:
    """Return a value as one line without control or bidi characters; markup is unchanged."""
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
