"""Recover missed deliveries from GitHub's delivery log.

GitHub never redelivers by itself. It keeps the log for three days, Enterprise Server for seven.
Pushes whose deliveries are no longer in it are found by comparing branches (`reconcile`).
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

from github_app.github.app import GitHubApp
from github_app.github.payload import PayloadError
from github_app.runtime.metrics import Metrics
from github_app.storage.tables import deliveries
from github_app.webhooks.admission import Admission
from github_app.webhooks.delivery import JSON_TYPE, Delivery, parse_delivery
from github_app.webhooks.inbox import Stored
from promotion.errors import ApiError

WORK = "recover missed deliveries"
PAGE = 100  # GitHub's maximum
MOST_PAGES = 1000
OVERLAP_SECONDS = 600.0  # a delivery may appear in the log some minutes late
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
    """One attempt to deliver an event, as in GitHub's log."""

    id: int
    guid: str
    event: str
    action: str | None
    status: str
    delivered_at: float

    @property
    def asks(self) -> bool:
        """Whether the service acts on such an event."""
        return self.event in ASKING_EVENTS or (self.event, self.action) in ASKING


class MissedDeliveries:
    """Recovers deliveries from the part of the log that is newer than the last look."""

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
        """Store deliveries that failed after *since* and never arrived; return their number.

        *since* is by this machine's clock; the log is by GitHub's.
        """
        missed = self._missed(since)
        # Oldest first, the order of arrival. By id: the log's times are whole seconds.
        for attempt in sorted(missed, key=lambda each: each.id):
            self._recover(attempt)
        return len(missed)

    def _missed(self, since: float) -> list[Attempt]:
        arrived: set[str] = set()
        failed: dict[str, Attempt] = {}
        for attempt in self._attempts(since):
            if attempt.status == OK:
                arrived.add(attempt.guid)
            elif attempt.asks:
                failed[attempt.guid] = attempt  # the first attempt wins: the log is newest first
        wanted = [attempt for guid, attempt in failed.items() if guid not in arrived]
        known = self._known([attempt.guid for attempt in wanted])
        return [attempt for attempt in wanted if attempt.guid not in known]

    def _attempts(self, since: float) -> Iterator[Attempt]:
        """Yield the attempts after *since*, newest first."""
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
        """Return the *guids* that are stored: only our answer to them failed."""
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
            log.warning("delivery.not_recovered", guid=attempt.guid, error=str(exc))
            return
        if not delivery.asks or self._admission.refusal(delivery):
            return
        self._store(delivery)
        self._metrics.recovered()
        log.warning(
            "delivery.recovered",
            guid=attempt.guid,
            github_event=attempt.event,
            status=attempt.status,
        )

    def _read(self, attempt: Attempt) -> Delivery:
        """Return the delivery with its payload, which is authentic by TLS and our key."""
        body = self._app.http.call("GET", f"/app/hook/deliveries/{attempt.id}").body
        payload = (body.get("request") or {}).get("payload")
        text = payload if isinstance(payload, str) else json.dumps(payload)
        delivery = parse_delivery(
            guid=attempt.guid, event=attempt.event, body=text.encode(), content_type=JSON_TYPE
        )
        return replace(delivery, recovered=True)


def first_unread(last: float) -> float:
    """Return the time to read the log from, given the start of the last look. Pure.

    There is no lower limit: the log itself is limited.
    """
    return last - OVERLAP_SECONDS


def next_cursor(link: str) -> str:
    """Return the cursor of the next page from a Link header; empty on the last. Pure."""
    for part in link.split(","):
        url, _, relation = part.partition(";")
        if 'rel="next"' in relation:
            return parse_qs(urlsplit(url.strip(" <>")).query).get("cursor", [""])[0]
    return ""


def _attempt(entry: dict[str, Any]) -> Attempt:
    return Attempt(
        id=int(entry["id"]),
        guid=str(entry["guid"]),
        event=str(entry.get("event") or ""),
        action=entry.get("action") or None,
        status=str(entry.get("status") or ""),
        delivered_at=datetime.fromisoformat(entry["delivered_at"]).timestamp(),
    )
