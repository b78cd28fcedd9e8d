"""The service's Prometheus metrics, in their own registry."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

# Label values must be closed sets; an event name is a header that any sender can choose.
KNOWN_EVENTS = frozenset(
    {
        "check_run",
        "check_suite",
        "create",
        "delete",
        "github_app_authorization",
        "installation",
        "installation_repositories",
        "installation_target",
        "meta",
        "ping",
        "push",
        "repository",
    }
)
_SECONDS = (0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60, 120, 300, 900)


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._deliveries = self._counter("deliveries", "Signed deliveries, by event", "event")
        self._refused = self._counter("refused", "Requests refused, by reason", "reason")
        self._stored = self._counter("stored", "Deliveries stored, by status", "status")
        self._promotions = self._counter(
            "promotions", "Git folders promoted, by conclusion", "conclusion"
        )
        self._runs = self._counter("runs", "Runs of a branch, by ending", "ending")
        self._seconds = Histogram(
            "brickpush_promotion_seconds",
            "Seconds from the receipt of a push to the end of its promotion",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._recovered = Counter(
            "brickpush_recovered_deliveries",
            "Missed deliveries recovered from GitHub's log",
            registry=self.registry,
        )
        self._behind = self._gauge(
            "behind_git_folders", "Git folders behind their branch at the last comparison"
        )
        self._calls_left = Gauge(
            "brickpush_github_calls_left",
            "Calls left in this hour of GitHub's rate limit",
            ["installation"],
            registry=self.registry,
        )
        self._pending = Gauge(
            "brickpush_pending_branches",
            "Branches whose newest push is not promoted yet",
            registry=self.registry,
        )

    def delivered(self, event: str) -> None:
        """Count a signed delivery."""
        self._deliveries.labels(event if event in KNOWN_EVENTS else "other").inc()

    def refused(self, reason: str) -> None:
        """Count a refused request."""
        self._refused.labels(reason).inc()

    def stored(self, status: str) -> None:
        """Count a delivery that was stored in the database."""
        self._stored.labels(status).inc()

    def promoted(self, conclusion: str) -> None:
        """Count one Git folder's outcome."""
        self._promotions.labels(conclusion).inc()

    def ran(self, ending: str, *, seconds: float | None = None) -> None:
        """Count one run of a branch; *seconds* since the receipt if it promoted the push."""
        self._runs.labels(ending).inc()
        if seconds is not None:
            self._seconds.observe(seconds)

    def pending(self, branches: int) -> None:
        """Set the number of pending branches."""
        self._pending.set(branches)

    def recovered(self) -> None:
        """Count a missed delivery that was recovered."""
        self._recovered.inc()

    def behind(self, git_folders: int) -> None:
        """Set the number of Git folders that are behind their branch."""
        self._behind.set(git_folders)

    def calls_left(self, installation_id: int, remaining: int) -> None:
        """Set the number of calls that an installation has left in this hour."""
        self._calls_left.labels(str(installation_id)).set(remaining)

    def render(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(f"brickpush_{name}", meaning, registry=self.registry)

    def _counter(self, name: str, meaning: str, label: str) -> Counter:
        return Counter(f"brickpush_{name}", meaning, [label], registry=self.registry)
