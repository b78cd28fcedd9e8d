"""Find the deliveries that GitHub could not bring, and take them in from GitHub's own log.

GitHub never repeats a delivery by itself, and keeps its log for three days, Enterprise Server for
seven. What has left it by then is found by comparing branches.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import sqlalchemy as sa
import structlog

from github_app.admission import Admission
from github_app.github import GitHubApp
from github_app.intake import Stored
from github_app.metrics import Metrics
from github_app.payload import PayloadError
from github_app.tables import deliveries
from github_app.webhook import JSON_TYPE, Delivery, parse_delivery
from promotion.errors import ApiError

WORK = "look for missed deliveries"
PAGE = 100  # the most that GitHub gives at once
MOST_PAGES = 1000
OVERLAP_SECONDS = 600.0  # a delivery may come into the log some minutes late
OK = "OK"
ASKING = {
    ("push", None),
    *(("check_run", action) for action in ("rerequested", "requested_action")),
    ("check_suite", "rerequested"),
}
ASKING_EVENTS = {"installation", "installation_repositories", "repository"}

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Attempt:
    """One attempt to deliver an event, as GitHub's log has it."""

    id: int
    guid: str
    event: str
    action: str | None
    status: str
    delivered_at: float

    @property
    def asks(self) -> bool:
        """Whether its event could ask something of us."""
        return self.event in ASKING_EVENTS or (self.event, self.action) in ASKING


class MissedDeliveries:
    """Reads the log back to where it was read the last time."""

    def __init__(
        self,
        engine: sa.Engine,
        app: GitHubApp,
        store: Callable[[Delivery], Stored],
        *,
        admission: Admission,
        metrics: Metrics,
    ) -> None:
        self._engine = engine
        self._app = app
        self._store = store
        self._admission = admission
        self._metrics = metrics

    def look(self, since: float) -> int:
        """Take in what failed after *since* and never came later; return how many there were.

        *since* is by this machine's clock, and the log by GitHub's.
        """
        missed = self._missed(since)
        # The oldest first, as they would have come; the log's times are whole seconds.
        for attempt in sorted(missed, key=lambda each: each.id):
            self._recover(attempt)
        return len(missed)

    def _missed(self, since: float) -> list[Attempt]:
        came: set[str] = set()
        failed: dict[str, Attempt] = {}
        for attempt in self._attempts(since):
            if attempt.status == OK:
                came.add(attempt.guid)
            elif attempt.asks:
                failed[attempt.guid] = attempt  # in the end the first attempt
        wanted = [attempt for guid, attempt in failed.items() if guid not in came]
        known = self._known([attempt.guid for attempt in wanted])
        return [attempt for attempt in wanted if attempt.guid not in known]

    def _attempts(self, since: float) -> Iterator[Attempt]:
        """Yield the attempts after *since*, the newest first."""
        cursor = ""
        for _ in range(MOST_PAGES):
            params: dict[str, str | int] = {"per_page": PAGE}
            if cursor:
                params["cursor"] = cursor
            answer = self._app.http.call("GET", "/app/hook/deliveries", params=params)
            for one in answer.body:
                attempt = _attempt(one)
                if attempt.delivered_at - self._app.clock_offset < since:
                    return
                yield attempt
            cursor = next_cursor(answer.headers.get("Link", ""))
            if not cursor:
                return

    def _known(self, guids: list[str]) -> set[str]:
        """Return which of *guids* are stored: our answer, not the delivery, was what failed."""
        found: set[str] = set()
        with self._engine.connect() as reader:
            for start in range(0, len(guids), PAGE):
                some = deliveries.c.guid.in_(guids[start : start + PAGE])
                found.update(reader.execute(sa.select(deliveries.c.guid).where(some)).scalars())
        return found

    def _recover(self, attempt: Attempt) -> None:
        try:
            delivery = self._read(attempt)
        except (PayloadError, ApiError) as exc:
            gone = isinstance(exc, PayloadError) or exc.status == 404
            if not gone:
                raise
            log.warning("delivery not recovered", guid=attempt.guid, error=str(exc))
            return
        if not delivery.asks or self._admission.refusal(delivery):
            return
        self._store(delivery)
        self._metrics.recovered()
        log.warning(
            "delivery recovered",
            guid=attempt.guid,
            github_event=attempt.event,
            said=attempt.status,
        )

    def _read(self, attempt: Attempt) -> Delivery:
        """Return the delivery with its payload. TLS and our key prove where it comes from."""
        body = self._app.http.call("GET", f"/app/hook/deliveries/{attempt.id}").body
        payload = (body.get("request") or {}).get("payload")
        text = payload if isinstance(payload, str) else json.dumps(payload)
        delivery = parse_delivery(
            guid=attempt.guid, event=attempt.event, body=text.encode(), content_type=JSON_TYPE
        )
        return replace(delivery, recovered=True)


def first_unread(last: float) -> float:
    """Return from when on the log is to be read, after the last look that was begun then. Pure.

    However long ago that is: the log has an end of its own.
    """
    return last - OVERLAP_SECONDS


def next_cursor(link: str) -> str:
    """Return the cursor of the next page from a Link header; empty on the last. Pure."""
    for part in link.split(","):
        url, _, relation = part.partition(";")
        if 'rel="next"' in relation:
            return parse_qs(urlsplit(url.strip(" <>")).query).get("cursor", [""])[0]
    return ""


def _attempt(one: dict[str, Any]) -> Attempt:
    return Attempt(
        id=int(one["id"]),
        guid=str(one["guid"]),
        event=str(one.get("event") or ""),
        action=one.get("action") or None,
        status=str(one.get("status") or ""),
        delivered_at=datetime.fromisoformat(one["delivered_at"]).timestamp(),
    )
