"""Carry out one owed promotion: tokens, every workspace, and the check runs on the commit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from github_app import report as reports
from github_app.branches import BranchPush
from github_app.github import CheckRun, GitHubApp, Installation, InstallationToken
from promotion.clock import Clock, SystemClock
from promotion.errors import ApiError, PromotionError
from promotion.git_credential import GitToken
from promotion.outcome import Outcome
from promotion.plan import Decision
from promotion.push import Push
from promotion.repository_url import RepositoryKey, repository_key
from promotion.workspace import (
    Progress,
    Report,
    Workspace,
    no_token,
    promote_in_workspace,
)

log = structlog.get_logger(__name__)

# A new token may be unknown to a part of GitHub for a moment; git would then say "not found".
# The pauses are those that GitHub's support gives (github.com/akuity/kargo/issues/6630).
PROBE_PAUSES = (0.0, 1.0, 3.0, 10.0, 30.0)
GIT_USERNAME = "x-access-token"

Record = Callable[[BranchPush, Report], None]


@dataclass(frozen=True)
class Target:
    """A workspace, and whether its principal's Git credential is ours to set."""

    workspace: Workspace
    sets_credential: bool = True
    # One promotion at a time: the principal has one Git credential, and each token sees only
    # one repository, so two promotions would pull with each other's.
    slot: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Promoter:
    """Does the work of one workflow; may be called again for the same push at any time."""

    app: GitHubApp
    targets: Sequence[Target]
    record: Record
    clock: Clock = field(default_factory=SystemClock)

    def promote(self, owed: BranchPush) -> None:
        """Promote the push in every workspace, each on its own.

        Raises PromotionError where nothing could be done, to be called again later.
        A deleted branch and a tag move nothing, and have no commit to report on.
        """
        if owed.push.deleted or owed.push.branch is None:
            log.info("promotion.nothing", repository=owed.push.repository, ref=owed.push.ref)
            return
        key = repository_key(owed.repository_url)
        if key is None:
            raise PromotionError(f"{owed.repository_url} names no repository")
        session = self._session(owed, key)
        with ThreadPoolExecutor(len(self.targets), "workspace") as pool:
            for future in [pool.submit(session.promote, target) for target in self.targets]:
                self.record(owed, future.result())

    def _session(self, owed: BranchPush, key: RepositoryKey) -> _Session:
        installation_id = owed.installation_id or self.app.installation_id(owed.push.repository)
        return _Session(owed, key, _Tokens(self.app, installation_id, owed), self.clock)


class _Tokens:
    """The two tokens of one promotion, both for the pushed repository alone."""

    def __init__(self, app: GitHubApp, installation_id: int, owed: BranchPush) -> None:
        self._app = app
        self._installation_id = installation_id
        self._repository_id = owed.repository_id
        self._lock = threading.Lock()
        self._contents: InstallationToken | None = None
        self.checks = app.installation(self._mint("checks", "write"))

    def contents(self) -> InstallationToken:
        """Return the token that Databricks pulls with, made when it is first wanted."""
        with self._lock:
            if self._contents is None:
                self._contents = self._mint("contents", "read")
            return self._contents

    def reader(self) -> Installation:
        return self._app.installation(self.contents())

    def _mint(self, permission: str, level: str) -> InstallationToken:
        return self._app.mint_token(
            self._installation_id,
            repository_ids=[self._repository_id],
            permissions={permission: level},
        )


@dataclass(frozen=True)
class _Session:
    """One push, with what its promotions in the workspaces share."""

    owed: BranchPush
    key: RepositoryKey
    tokens: _Tokens
    clock: Clock

    def promote(self, target: Target) -> Report:
        check = _Check(self.owed, target.workspace.name, self.tokens.checks)
        with target.slot:
            report = promote_in_workspace(
                self.owed.push,
                {self.key},
                target.workspace,
                token=self._token if target.sets_credential else no_token,
                contains=self._contains,
                progress=check,
                clock=self.clock,
            )
        check.finish(report)
        return report

    def _token(self) -> GitToken:
        reader = self.tokens.reader()
        for pause in PROBE_PAUSES:
            self.clock.sleep(pause)
            if reader.sees(self.owed.push.repository):
                return GitToken(GIT_USERNAME, self.tokens.contents().token)
        raise PromotionError(
            f"GitHub does not show {self.owed.push.repository} to the App's new token: "
            "check that the installation includes the repository"
        )

    def _contains(self, head: str, commit: str) -> bool | None:
        try:
            repository = self.owed.push.repository
            return self.tokens.reader().contains(repository, head=head, commit=commit)
        except PromotionError as exc:
            log.warning("github.compare_failed", error=str(exc))
            return None


class _Check(Progress):
    """The check run of one push in one workspace; where GitHub refuses it, promotion goes on."""

    def __init__(self, owed: BranchPush, workspace: str, checks: Installation) -> None:
        self._owed = owed
        self._push = owed.push
        self._workspace = workspace
        self._checks = checks
        self._run_ids: dict[str, int] = {}  # by commit

    def planned(self, decisions: Sequence[Decision]) -> None:
        if any(decision.moves for decision in decisions):
            self._show(reports.started(self._push, self._workspace, decisions))

    def ended(self, outcome: Outcome) -> None:
        log.info(
            "promotion.outcome",
            repository=self._push.repository,
            ref=self._push.ref,
            after=self._push.after,
            workspace=self._workspace,
            path=outcome.folder.path,
            conclusion=outcome.conclusion.value,
            reason=outcome.reason,
            seconds=round(outcome.seconds, 3),
        )

    def finish(self, report: Report) -> None:
        """Complete the check run; a workspace without a folder of the repository gets none."""
        if not (report.decisions or report.problem):
            return
        self._show(reports.finished(self._push, report))
        for push in self._owed.superseded:
            self._show(reports.superseded(push, self._workspace, self._push.after))

    def _show(self, run: CheckRun) -> None:
        """Show *run*: one check run for each commit and workspace, found again after a crash."""
        repository = self._push.repository
        try:
            run_id = self._run_ids.get(run.head_sha) or self._checks.find_check_run(
                repository, head_sha=run.head_sha, name=run.name
            )
            if run_id is None:
                run_id = self._checks.create_check_run(repository, run)
            else:
                self._checks.update_check_run(repository, run_id, run)
            self._run_ids[run.head_sha] = run_id
        except PromotionError as exc:
            status = exc.status if isinstance(exc, ApiError) else None
            log.warning("check_run.refused", name=run.name, head_sha=run.head_sha, status=status)
