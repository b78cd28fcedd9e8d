"""What the service counts, in a Prometheus registry of its own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

# Label values come from closed sets: an event name is whatever a sender writes in a header.
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
    """The counters of one process."""

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
            "Deliveries that GitHub could not bring, read from its log",
            registry=self.registry,
        )
        self._behind = self._gauge(
            "behind_git_folders", "Git folders behind their branch, last time all were compared"
        )
        self._calls_left = Gauge(
            "brickpush_github_calls_left",
            "Calls that GitHub allows in this hour",
            ["installation"],
            registry=self.registry,
        )
        self._owed = Gauge(
            "brickpush_owed_branches",
            "Branches whose newest push is not promoted yet",
            registry=self.registry,
        )

    def delivered(self, event: str) -> None:
        """Count a signed delivery."""
        self._deliveries.labels(event if event in KNOWN_EVENTS else "other").inc()

    def refused(self, reason: str) -> None:
        """Count a request that was turned away."""
        self._refused.labels(reason).inc()

    def stored(self, status: str) -> None:
        """Count a delivery that the database has taken."""
        self._stored.labels(status).inc()

    def promoted(self, conclusion: str) -> None:
        """Count one Git folder's outcome."""
        self._promotions.labels(conclusion).inc()

    def ran(self, ending: str, *, seconds: float | None = None) -> None:
        """Count one run of a branch; *seconds* since the receipt where it brought it there."""
        self._runs.labels(ending).inc()
        if seconds is not None:
            self._seconds.observe(seconds)

    def owed(self, branches: int) -> None:
        """Set how many branches wait."""
        self._owed.set(branches)

    def recovered(self) -> None:
        """Count a delivery that was found in GitHub's log."""
        self._recovered.inc()

    def behind(self, git_folders: int) -> None:
        """Set how many Git folders were found behind their branch."""
        self._behind.set(git_folders)

    def calls_left(self, installation_id: int, remaining: int) -> None:
        """Set what an installation has left of its hour."""
        self._calls_left.labels(str(installation_id)).set(remaining)

    def render(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(f"brickpush_{name}", meaning, registry=self.registry)

    def _counter(self, name: str, meaning: str, label: str) -> Counter:
        return Counter(f"brickpush_{name}", meaning, [label], registry=self.registry)
