"""Git operations that go to the remote, with the caller's stored credential."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from sandbox.databricks.errors import GitAnswers
from sandbox.databricks.git.git import authorization
from sandbox.databricks.problems import GitProblemError
from sandbox.databricks.state.credentials import GitCredentials
from sandbox.databricks.state.principals import Principal
from sandbox.databricks.state.records import PullRecord


class Pulls:
    """Gives each Git operation a credential, translates its failure and records it."""

    def __init__(
        self, credentials: GitCredentials, answers: GitAnswers, clock: Callable[[], float]
    ) -> None:
        self.records: list[PullRecord] = []
        self._credentials = credentials
        self._answers = answers
        self._clock = clock

    @contextlib.contextmanager
    def operation(
        self,
        principal: Principal,
        *,
        path: str,
        url: str,
        provider: str | None,
        credential_id: int | None,
    ) -> Iterator[Mapping[str, str]]:
        """Yield git's settings that sign in to *url*; the credential is read at this moment."""
        with self._worded():
            credential = self._credentials.choose(principal, provider, credential_id)
            started, ok = self._clock(), False
            try:
                yield authorization(url, credential.username, credential.token)
                ok = True
            finally:
                ended = self._clock()
                token_hash = credential.token_hash
                seen = PullRecord(path, principal.name, token_hash, started, ended, ok)
                self.records.append(seen)

    @contextlib.contextmanager
    def _worded(self) -> Iterator[None]:
        try:
            yield
        except GitProblemError as exc:
            raise self._answers.error(exc) from exc
