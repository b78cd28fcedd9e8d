"""Check runs that can wait: kept with what made them necessary, and written one after the other.

A promotion never waits for the reports on the pushes that it supersedes.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Collection
from dataclasses import dataclass, replace

import sqlalchemy as sa

from github_app import report
from github_app.branches import BranchPush
from github_app.check_run import COMPLETED, CheckRun, Subject
from github_app.deployments import Promoted, State
from github_app.tables import check_runs, late_checks
from promotion.outcome import Conclusion

FINAL, SUPERSEDED, OUTDATED, GIVEN_UP = "final", "superseded", "outdated", "given up"
UNSERVED = "unserved"  # of a workspace that has left the settings
DEPLOYMENT = "deployment"  # no check run: how a deployment of the commit has ended
# GitHub lets an installation write some 80 check runs a minute: of a bigger burst, each commit
# gets one check run in place of one for each workspace.
EACH_WORKSPACE_MOST = 20
DOUBT_SECONDS = 30.0  # until GitHub's list surely shows a check run whose id never came


class Scope(enum.Enum):
    """Where a check run is to be written, on its commit and for its ref."""

    ONE = "one"  # in one workspace
    EACH = "each"  # in each workspace where the promotion has something to report
    ALL = "all"  # one for all workspaces
    DEPLOYMENT = "deployment"  # no check run


@dataclass(frozen=True)
class LateCheck:
    """One check run to write, or one in each workspace.

    Of a deployment, `workspace` is the environment, `conclusion` the state, `title` the
    description.
    """

    repository_id: int
    repository: str
    installation_id: int | None
    ref: str
    head_sha: str
    kind: str
    conclusion: str
    title: str
    summary: str
    scope: str = Scope.EACH.value
    workspace: str = ""
    details_url: str = ""
    run: int | None = None  # the seq of the promotion that it tells of

    def check_run(self) -> CheckRun:
        return CheckRun(
            subject=Subject(self.ref, self.workspace),
            head_sha=self.head_sha,
            status=COMPLETED,
            conclusion=self.conclusion,
            title=self.title,
            summary=self.summary,
            details_url=self.details_url,
        )


_PUT = sa.text("""
    insert into late_checks (repository_id, repository, installation_id, ref, head_sha, kind,
        conclusion, title, summary, scope, workspace, details_url, run, at, not_before)
    values (:repository_id, :repository, :installation_id, :ref, :head_sha, :kind,
        :conclusion, :title, :summary, :scope, :workspace, :details_url, :run, :at, :not_before)
    on conflict (repository_id, head_sha, ref, scope, workspace) do update set
        repository = excluded.repository, installation_id = excluded.installation_id,
        kind = excluded.kind, conclusion = excluded.conclusion, title = excluded.title,
        summary = excluded.summary, details_url = excluded.details_url, run = excluded.run,
        at = excluded.at, not_before = excluded.not_before, attempts = 0, taken_by = null""")


def put(tx: sa.Connection, check: LateCheck, *, not_before: float = 0.0) -> None:
    """Have *check* written at leisure, in place of what was to be written there."""
    tx.execute(_PUT, {**vars(check), "at": time.time(), "not_before": not_before})


def drop(tx: sa.Connection, owed: BranchPush) -> None:
    """Write nothing any more for the ref on its commit: a run begins that will report all."""
    mine = (
        late_checks.c.repository_id == owed.repository_id,
        late_checks.c.head_sha == owed.push.after,
        late_checks.c.ref == owed.push.ref,
    )
    # Another run's deployment is another one, although it is of the same commit.
    own = (late_checks.c.scope != Scope.DEPLOYMENT.value) | (late_checks.c.run == owed.seq)
    tx.execute(late_checks.delete().where(*mine, own))


def put_superseded(tx: sa.Connection, owed: BranchPush) -> None:
    """Have each push that *owed* supersedes say by which commit."""
    commits = dict.fromkeys(push.after for push in owed.superseded if not push.deleted)
    commits.pop(owed.push.after, None)  # a branch may come back to a commit
    scope = Scope.ALL if len(commits) > EACH_WORKSPACE_MOST else Scope.EACH
    title, summary = report.superseded(owed.push, by=owed.push.after)
    cancelled = Conclusion.CANCELLED.value
    for head_sha in commits:
        check = _of(owed, SUPERSEDED, head_sha, cancelled, title, summary, scope)
        put(tx, replace(check, run=owed.seq))


def put_left_open(tx: sa.Connection, owed: BranchPush, served: Collection[str]) -> None:
    """Have the check runs of the ref end that are in progress, and that *owed* will not end.

    At the end of its run, where no other is under way: what is open on other commits was left by
    runs that were cut off, whatever had asked for them; what is open on its own, by workspaces
    that are not *served* any more.
    """
    columns = (check_runs.c.head_sha, check_runs.c.workspace)
    query = sa.select(*columns).where(
        check_runs.c.repository_id == owed.repository_id,
        check_runs.c.ref == owed.push.ref,
        check_runs.c.conclusion.is_(None),
    )
    cancelled = Conclusion.CANCELLED.value
    for head_sha, workspace in tx.execute(query).all():
        if head_sha != owed.push.after:
            kind, told = SUPERSEDED, report.superseded(owed.push, by=owed.push.after)
        elif workspace not in served:
            kind, told = UNSERVED, report.unserved(workspace)
        else:
            continue
        check = _of(owed, kind, head_sha, cancelled, *told, Scope.ONE)
        put(tx, replace(check, workspace=workspace, run=owed.seq))


def put_given_up(tx: sa.Connection, owed: BranchPush, reason: str) -> None:
    """Have the check runs of a push end that nothing tries to promote any more."""
    if not owed.push.deleted:
        title, summary = report.given_up(reason)
        put(tx, _of(owed, GIVEN_UP, owed.push.after, Conclusion.FAILURE.value, title, summary))


def put_final(
    tx: sa.Connection, owed: BranchPush, run: CheckRun, *, not_before: float = 0.0
) -> None:
    """Have a promotion's own check run written later: GitHub does not take it now."""
    conclusion = Conclusion(run.conclusion).value
    check = _of(owed, FINAL, run.head_sha, conclusion, run.title, run.summary, Scope.ONE)
    workspace = run.subject.workspace
    put(tx, replace(check, details_url=run.details_url, workspace=workspace), not_before=not_before)


def put_deployment(tx: sa.Connection, owed: BranchPush, promoted: Promoted, state: State) -> None:
    """Have a deployment end later: GitHub does not take it now."""
    word, told, scope = state.word, state.description, Scope.DEPLOYMENT
    check = _of(owed, DEPLOYMENT, promoted.sha, word, told, "", scope)
    check = replace(check, workspace=promoted.environment, run=promoted.run)
    put(tx, replace(check, details_url=state.log_url))


def put_outdated(tx: sa.Connection, owed: BranchPush, head_sha: str) -> None:
    """Have a check that was re-run say that its commit is no more the branch's newest."""
    title, summary = report.outdated(owed.push)
    put(tx, _of(owed, OUTDATED, head_sha, Conclusion.CANCELLED.value, title, summary))


def _of(
    owed: BranchPush,
    kind: str,
    head_sha: str,
    conclusion: str,
    title: str,
    summary: str,
    scope: Scope = Scope.EACH,
) -> LateCheck:
    return LateCheck(
        repository_id=owed.repository_id,
        repository=owed.push.repository,
        installation_id=owed.installation_id,
        ref=owed.push.ref,
        head_sha=head_sha,
        kind=kind,
        conclusion=conclusion,
        title=title,
        summary=summary,
        scope=scope.value,
    )
