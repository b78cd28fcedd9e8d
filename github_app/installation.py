"""The calls to GitHub of one installation of the App, made with its token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from github_app.check_run import CheckRun, WrittenRun, subject_of
from promotion.ancestry import Ancestry
from promotion.errors import ApiError, PromotionError
from promotion.http import Http
from promotion.push import HEADS

READ_SECONDS = 15.0  # GitHub cuts its own calls at 10 s
MOST_DESCRIPTION = 140  # characters of a commit status


Still = Callable[[], bool]  # whether what is to be written is still true


class NoLongerTrueError(PromotionError):
    """While a write waited for its turn, what it says has become untrue; it was not sent."""

    def __init__(self) -> None:
        super().__init__("what was to be written is not true any more")


@dataclass(frozen=True)
class Repository:
    """A repository that an installation includes."""

    id: int
    full_name: str
    url: str  # "https://github.com/octo-org/etl"
    archived: bool


@dataclass(frozen=True)
class Included:
    """A repository, and the installation that includes it."""

    repository: Repository
    installation_id: int


@dataclass(frozen=True)
class Head:
    """Where a branch is, with what asks GitHub whether it still is there."""

    commit: str | None  # None where there is no such branch
    etag: str = ""


def _always() -> bool:
    return True


def _at_once(*, urgent: bool) -> None:  # noqa: ARG001 - the words of `Limits.before_write`
    return


class Installation:
    """Calls made with an installation token."""

    def __init__(
        self, http: Http, *, app_id: int, before_write: Callable[..., None] = _at_once
    ) -> None:
        self._http = http
        self._app_id = app_id
        self._before_write = before_write

    def sees(self, repository: str) -> bool:
        """Return whether the token shows the repository: a new token may need some seconds."""
        try:
            self._http.call("GET", f"/repos/{repository}", read_seconds=READ_SECONDS)
        except ApiError as exc:
            if exc.status in (401, 403, 404):
                return False
            raise
        return True

    def contains(self, repository: str, *, head: str, commit: str) -> Ancestry:
        """Return how *head* stands to *commit*, as far as GitHub knows both."""
        path = f"/repos/{repository}/compare/{quote(commit)}...{quote(head)}"
        try:
            body = self._http.call("GET", path, params={"per_page": 1}).body
        except ApiError as exc:
            if exc.status != 404:
                raise
            return self._ancestry_of_strangers(repository, head, commit)
        return Ancestry.of(body.get("status") in ("ahead", "identical"))

    def _ancestry_of_strangers(self, repository: str, head: str, commit: str) -> Ancestry:
        """Tell apart what GitHub answers alike: it knows one of them not, or no common ancestor."""
        if not self._knows(repository, head):
            return Ancestry.FOREIGN
        return Ancestry.LACKS if self._knows(repository, commit) else Ancestry.UNKNOWN

    def _knows(self, repository: str, commit: str) -> bool:
        path = f"/repos/{repository}/commits/{quote(commit)}"
        try:
            self._http.call("GET", path, params={"per_page": 1}, read_seconds=READ_SECONDS)
        except ApiError as exc:
            if exc.status in (409, 422):  # 409: the repository is empty
                return False
            raise
        return True

    def branch_head(self, repository: str, branch: str) -> str | None:
        """Return the commit that a branch is at, or None where there is no such branch."""
        return self.head(repository, branch).commit

    def head(self, repository: str, branch: str, known: Head | None = None) -> Head:
        """Return where a branch is; asking again with what is *known* costs no call of the hour."""
        path = f"/repos/{repository}/git/ref/heads/{quote(branch)}"
        etag = known.etag if known is not None else ""
        try:
            answer = self._http.call("GET", path, headers={"If-None-Match": etag} if etag else {})
        except ApiError as exc:
            if exc.status == 304 and known is not None:
                return known
            if exc.status in (404, 409):  # 409: the repository is empty
                return Head(None)
            raise
        if answer.body["ref"] != f"{HEADS}{branch}":  # GitHub leads from renamed branches on, too
            return Head(None)
        return Head(str(answer.body["object"]["sha"]), answer.headers.get("ETag", ""))

    def repositories(self) -> Iterator[str]:
        """Yield the full names of the repositories that the token covers."""
        yield from (repository.full_name for repository in self.list_repositories())

    def list_repositories(self) -> Iterator[Repository]:
        """Yield the repositories that the token covers."""
        for body in self._pages("/installation/repositories"):
            yield from map(_repository, body["repositories"])

    def repository(self, full_name: str) -> Repository:
        """Return a repository by today's name or by one that it had before."""
        return _repository(self._http.call("GET", f"/repos/{full_name}").body)

    def calls_left(self) -> tuple[int, int] | None:
        """Return how many calls are left of how many in this hour; None where nothing limits."""
        path = "/installation/repositories"
        headers = self._http.call("GET", path, params={"per_page": 1}).headers
        left, most = headers.get("X-RateLimit-Remaining"), headers.get("X-RateLimit-Limit")
        return (int(left), int(most)) if left and most else None

    def tags(self, repository: str) -> dict[str, str]:
        """Return the tags of a repository with the commits that they stand on."""
        pages = self._pages(f"/repos/{repository}/tags")
        return {tag["name"]: tag["commit"]["sha"] for page in pages for tag in page}

    def create_check_run(
        self, repository: str, run: CheckRun, *, urgent: bool = True, still: Still = _always
    ) -> int:
        """Create a check run and return its id, or raise NoLongerTrueError."""
        answer = self._write("POST", f"/repos/{repository}/check-runs", run.body(), urgent, still)
        return int(answer["id"])

    def update_check_run(
        self,
        repository: str,
        run_id: int,
        run: CheckRun,
        *,
        urgent: bool = True,
        still: Still = _always,
    ) -> None:
        """Replace what a check run shows, or raise NoLongerTrueError."""
        path = f"/repos/{repository}/check-runs/{run_id}"
        self._write("PATCH", path, run.body(), urgent, still)

    def check_runs(self, repository: str, head_sha: str, *, name: str = "") -> list[WrittenRun]:
        """Return the App's check runs on a commit, the newest first; of one *name* if given."""
        params: dict[str, str | int] = {"app_id": self._app_id, "filter": "all"}
        if name:
            params["check_name"] = name
        path = f"/repos/{repository}/commits/{head_sha}/check-runs"
        found = [
            WrittenRun(int(run["id"]), subject_of(run.get("external_id") or ""), run["status"])
            for body in self._pages(path, params)
            for run in body.get("check_runs") or ()
        ]
        return sorted(found, key=lambda run: run.id, reverse=True)

    def create_status(
        self,
        repository: str,
        run: CheckRun,
        state: str,
        *,
        urgent: bool,
        still: Still = _always,
    ) -> None:
        """Set a commit status that says a check run's title."""
        body = {"state": state, "context": run.name, "description": run.title[:MOST_DESCRIPTION]}
        if run.details_url:
            body["target_url"] = run.details_url
        path = f"/repos/{repository}/statuses/{run.head_sha}"
        self._write("POST", path, body, urgent, still)

    def read(self, path: str, params: Mapping[str, str | int] | None = None) -> Any:
        """Return what GitHub has there."""
        return self._http.call("GET", path, params=params, read_seconds=READ_SECONDS).body

    def create(self, path: str, body: Mapping[str, Any], *, urgent: bool) -> Any:
        """Have GitHub make something, within the limits of writes; return its answer."""
        return self._write("POST", path, body, urgent)

    def _write(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any],
        urgent: bool,
        still: Still = _always,
    ) -> Any:
        self._before_write(urgent=urgent)
        if not still():  # it may have waited for long
            raise NoLongerTrueError
        return self._http.call(method, path, json=body, read_seconds=READ_SECONDS).body

    def _pages(self, path: str, params: Mapping[str, str | int] | None = None) -> Iterator[Any]:
        page, more = 1, True
        while more:
            asked = {**(params or {}), "per_page": 100, "page": page}
            answer = self._http.call("GET", path, params=asked)
            yield answer.body
            page, more = page + 1, 'rel="next"' in answer.headers.get("Link", "")


def _repository(body: Mapping[str, Any]) -> Repository:
    archived = bool(body.get("archived")) or bool(body.get("disabled"))
    return Repository(int(body["id"]), body["full_name"], body["html_url"], archived)
