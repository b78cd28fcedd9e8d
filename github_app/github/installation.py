"""Calls to GitHub with the token of one installation of the App."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from github_app.github.check_run import CheckRun, WrittenRun, subject_of
from promotion.ancestry import Ancestry
from promotion.errors import ApiError, PromotionError
from promotion.http import Http
from promotion.model import HEADS

READ_SECONDS = 15.0  # GitHub aborts a request after 10 s
MOST_DESCRIPTION = 140  # characters of a commit status


Still = Callable[[], bool]  # whether the content of a pending write is still true


class NoLongerTrueError(PromotionError):
    """A write was not sent: its content became untrue while it waited for the rate limit."""

    def __init__(self) -> None:
        super().__init__("the write was not sent: its content is not true any more")


@dataclass(frozen=True)
class Repository:
    """A repository that an installation includes."""

    id: int
    full_name: str
    url: str  # "https://github.com/octo-org/etl"
    archived: bool


@dataclass(frozen=True)
class Included:
    """A repository and the installation that includes it."""

    repository: Repository
    installation_id: int


@dataclass(frozen=True)
class Head:
    """The head of a branch, with the ETag for a conditional request."""

    commit: str | None  # None: there is no such branch
    etag: str = ""


def _always() -> bool:
    return True


def _no_wait(*, urgent: bool) -> None:  # noqa: ARG001 - the signature of `Limits.before_write`
    return


class Installation:
    """Calls made with an installation token."""

    def __init__(
        self, http: Http, *, app_id: int, before_write: Callable[..., None] = _no_wait
    ) -> None:
        self._http = http
        self._app_id = app_id
        self._before_write = before_write

    def sees(self, repository: str) -> bool:
        """Return whether the token can read the repository; a new token may need some seconds."""
        try:
            self._http.call("GET", f"/repos/{repository}", read_seconds=READ_SECONDS)
        except ApiError as exc:
            if exc.status in (401, 403, 404):
                return False
            raise
        return True

    def contains(self, repository: str, *, head: str, commit: str) -> Ancestry:
        """Return whether *head* contains *commit*, as far as GitHub knows both."""
        path = f"/repos/{repository}/compare/{quote(commit)}...{quote(head)}"
        try:
            body = self._http.call("GET", path, params={"per_page": 1}).body
        except ApiError as exc:
            if exc.status != 404:
                raise
            return self._ancestry_without_comparison(repository, head, commit)
        return Ancestry.of(body.get("status") in ("ahead", "identical"))

    def _ancestry_without_comparison(self, repository: str, head: str, commit: str) -> Ancestry:
        """Distinguish the reasons for a 404: an unknown commit, or no common ancestor."""
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
        """Return the head commit of a branch, or None if there is no such branch."""
        return self.head(repository, branch).commit

    def head(self, repository: str, branch: str, known: Head | None = None) -> Head:
        """Return the head of a branch; with *known*, an unchanged head costs no rate limit."""
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
        if answer.body["ref"] != f"{HEADS}{branch}":  # GitHub also redirects from renamed branches
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
        """Return a repository by its current name or a former one."""
        return _repository(self._http.call("GET", f"/repos/{full_name}").body)

    def calls_left(self) -> tuple[int, int] | None:
        """Return the remaining calls and the limit of this hour; None without a limit."""
        path = "/installation/repositories"
        headers = self._http.call("GET", path, params={"per_page": 1}).headers
        left, most = headers.get("X-RateLimit-Remaining"), headers.get("X-RateLimit-Limit")
        return (int(left), int(most)) if left and most else None

    def tags(self, repository: str) -> dict[str, str]:
        """Return the tags of a repository and their commits."""
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
        """Replace the content of a check run, or raise NoLongerTrueError."""
        path = f"/repos/{repository}/check-runs/{run_id}"
        self._write("PATCH", path, run.body(), urgent, still)

    def check_runs(self, repository: str, head_sha: str, *, name: str = "") -> list[WrittenRun]:
        """Return the App's check runs on a commit, newest first; with *name*, only that one's."""
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
        """Set a commit status with the title of a check run."""
        body = {"state": state, "context": run.name, "description": run.title[:MOST_DESCRIPTION]}
        if run.details_url:
            body["target_url"] = run.details_url
        path = f"/repos/{repository}/statuses/{run.head_sha}"
        self._write("POST", path, body, urgent, still)

    def read(self, path: str, params: Mapping[str, str | int] | None = None) -> Any:
        """Return the body of a GET request."""
        return self._http.call("GET", path, params=params, read_seconds=READ_SECONDS).body

    def create(self, path: str, body: Mapping[str, Any], *, urgent: bool) -> Any:
        """Create something by POST, within the write limit; return the answer's body."""
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
        if not still():  # it may have waited for a long time
            raise NoLongerTrueError
        return self._http.call(method, path, json=body, read_seconds=READ_SECONDS).body

    def _pages(self, path: str, params: Mapping[str, str | int] | None = None) -> Iterator[Any]:
        page, more = 1, True
        while more:
            query = {**(params or {}), "per_page": 100, "page": page}
            answer = self._http.call("GET", path, params=query)
            yield answer.body
            page, more = page + 1, 'rel="next"' in answer.headers.get("Link", "")


def _repository(body: Mapping[str, Any]) -> Repository:
    archived = bool(body.get("archived")) or bool(body.get("disabled"))
    return Repository(int(body["id"]), body["full_name"], body["html_url"], archived)
