"""Levers for tests: tokens, limits, the clock, and other ways in which GitHub behaves."""

from __future__ import annotations

from sandbox.github.controls.controls import Controls
from sandbox.github.state.deployments import Deployment
from sandbox.github.state.limits import Limits
from sandbox.github.state.replicas import Replicas
from sandbox.github.state.state import Switches
from sandbox.github.state.statuses import CommitStatus
from sandbox.github.state.tokens import IssuedToken


class BehaviourControls(Controls):
    """What GitHub gives out, how much it takes, and what time it has."""

    @property
    def switches(self) -> Switches:
        """What is shown and allowed; the attributes may be set."""
        return self._state.switches

    @property
    def limits(self) -> Limits:
        """How many requests are taken; off until enforced or ordered."""
        return self._state.limits

    @property
    def replicas(self) -> Replicas:
        """What some reads are answered from: refs of branches, comparisons and check runs."""
        return self._state.replicas

    @property
    def requests(self) -> list[tuple[str, str, int]]:
        """Method, path and status of every request answered, oldest first."""
        return self._state.requests.copy()

    @property
    def issued_tokens(self) -> list[IssuedToken]:
        """Every installation token ever issued, oldest first."""
        return self._state.tokens.issued()

    @property
    def statuses(self) -> list[CommitStatus]:
        """Every commit status, oldest first."""
        return self._state.statuses.all()

    @property
    def deployments(self) -> list[Deployment]:
        """Every deployment with its statuses, oldest first."""
        return self._state.deployments.all()

    def now(self) -> float:
        """Return what time GitHub has."""
        return self._state.clock()

    @property
    def clock_skew(self) -> float:
        """How many seconds GitHub's clock is ahead of ours."""
        return self._state.clock.skew

    @clock_skew.setter
    def clock_skew(self, seconds: float) -> None:
        self._state.clock.skew = seconds

    @property
    def short_tokens(self) -> bool:
        """Whether tokens have 40 characters, as on GitHub Enterprise Server."""
        return self._state.tokens.short

    @short_tokens.setter
    def short_tokens(self, short: bool) -> None:
        self._state.tokens.short = short

    @property
    def signed_in(self) -> str:
        """The login of the user in front of the web pages."""
        return self._state.signed_in

    @signed_in.setter
    def signed_in(self, login: str) -> None:
        self._state.signed_in = login

    def lag_fresh_tokens(self, *, seconds: float = 0.0, uses: int = 0) -> None:
        """Let new tokens be unknown for a while, or for their first uses.

        REST answers 401 then, and git 404, as when GitHub's replicas lag behind.
        """
        self._state.tokens.lag_seconds = seconds
        self._state.tokens.lag_uses = uses

    def user_token(self, login: str = "octocat") -> str:
        """Return a new token of a user who may read and push everything."""
        return self._state.tokens.issue_to_user(self._state.accounts.add(login, type="User"))

    def expire_tokens(self) -> None:
        """Let the hour of every installation token be over."""
        self._state.tokens.expire()
