"""How many REST requests GitHub takes: the hourly limit, and the secondary ones."""

from __future__ import annotations

import bisect
import collections
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.github.errors import ApiError

HOUR, MINUTE = 3600, 60  # seconds
CONTENT_LIMITS = ((MINUTE, 80), (HOUR, 500))  # requests that create something
CONTENT = re.compile(r".*/(check-runs|statuses/[^/]+|deployments|deployments/\d+/statuses)")
SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)


@dataclass
class Window:
    """The hour in which one caller's requests are counted."""

    until: float
    used: int = 0


class Limits:
    """Counts every request; refuses one only where a limit is enforced or a refusal is ordered."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.per_hour = 5000
        self.enforced = False  # the hourly limit
        self.content_enforced = False  # 80 a minute and 500 an hour that create something
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[str, Window] = {}
        self._created: collections.defaultdict[str, list[float]] = collections.defaultdict(list)
        self._ordered: collections.deque[ApiError] = collections.deque()

    def refuse_secondary(
        self, calls: int = 1, *, status: int = 403, retry_after: int | None = 60
    ) -> None:
        """Answer the next *calls* as beyond a secondary limit: 403 or 429, `Retry-After` or not."""
        self._ordered.extend([_secondary(status, retry_after)] * calls)

    def refuse_exhausted(self, calls: int = 1, *, reset_in: int = HOUR) -> None:
        """Answer the next *calls* as if the hour's requests were used up."""
        self._ordered.extend([self._exhausted(self._clock() + reset_in)] * calls)

    def refusal(self, method: str, path: str, caller: str) -> ApiError | None:
        """Return the answer to a request that is one too many."""
        with self._lock:
            if self._ordered:
                return self._ordered.popleft()
            window = self._window(caller)
            if self.enforced and window.used >= self.per_hour:
                return self._exhausted(window.until)
            if method == "POST" and CONTENT.fullmatch(path):
                return self._content_refusal(caller)
        return None

    def count(self, caller: str, status: int) -> dict[str, str]:
        """Count an answered request, but not a 304; return the rate limit headers."""
        with self._lock:
            window = self._window(caller)
            window.used += status != 304
            return self._headers(window.used, window.until)

    def _window(self, caller: str) -> Window:
        window = self._windows.get(caller)
        if window is None or self._clock() >= window.until:
            window = self._windows[caller] = Window(self._clock() + HOUR)
        return window

    def _content_refusal(self, caller: str) -> ApiError | None:
        now, created = self._clock(), self._created[caller]
        for seconds, limit in CONTENT_LIMITS:
            recent = len(created) - bisect.bisect_right(created, now - seconds)
            if self.content_enforced and recent >= limit:
                return _secondary(403, int(created[-limit] + seconds - now) + 1)
        created.append(now)
        return None

    def _exhausted(self, until: float) -> ApiError:
        headers = self._headers(self.per_hour, until)
        return ApiError(403, "API rate limit exceeded for installation.", headers=headers)

    def _headers(self, used: int, until: float) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.per_hour),
            "X-RateLimit-Remaining": str(max(0, self.per_hour - used)),
            "X-RateLimit-Used": str(used),
            "X-RateLimit-Reset": str(int(until)),
            "X-RateLimit-Resource": "core",
        }


def _secondary(status: int, retry_after: int | None) -> ApiError:
    headers: Mapping[str, str] = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return ApiError(status, SECONDARY, headers=headers)
