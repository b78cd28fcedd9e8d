"""Check runs that can wait: kept with what made them necessary, and written one after the other.

A promotion never waits for the reports on the pushes that it supersedes.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Collection
from dataclasses import dataclass, replace

import sqlalchemy as sa

from github_app.github.check_run import COMPLETED, CheckRun, Subject
from github_app.reports import render
from github_app.reports.deployments import Promoted, State
from github_app.storage.branches import BranchPush
from github_app.storage.tables import check_runs, outbox_items
from promotion.model import Conclusion

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
class OutboxItem:
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
    insert into outbox_items (repository_id, repository, installation_id, ref, head_sha, kind,
        conclusion, title, summary, scope, workspace, details_url, run, at, not_before)
    values (:repository_id, :repository, :installation_id, :ref, :head_sha, :kind,
        :conclusion, :title, :summary, :scope, :workspace, :details_url, :run, :at, :not_before)
    on conflict (repository_id, head_sha, ref, scope, workspace) do update set
        repository = excluded.repository, installation_id = excluded.installation_id,
        kind = excluded.kind, conclusion = excluded.conclusion, title = excluded.title,
        summary = excluded.summary, details_url = excluded.details_url, run = excluded.run,
        at = excluded.at, not_before = excluded.not_before, attempts = 0, taken_by = null""")


def put(tx: sa.Connection, check: OutboxItem, *, not_before: float = 0.0) -> None:
    """Have *check* written at leisure, in place of what was to be written there."""
    tx.execute(_PUT, {**vars(check), "at": time.time(), "not_before": not_before})


def drop(tx: sa.Connection, pushed: BranchPush) -> None:
    """Write nothing any more for the ref on its commit: a run begins that will report all."""
    mine = (
        outbox_items.c.repository_id == pushed.repository_id,
        outbox_items.c.head_sha == pushed.push.after,
        outbox_items.c.ref == pushed.push.ref,
    )
    # Another run's deployment is another one, although it is of the same commit.
    own = (outbox_items.c.scope != Scope.DEPLOYMENT.value) | (outbox_items.c.run == pushed.seq)
    tx.execute(outbox_items.delete().where(*mine, own))


def put_superseded(tx: sa.Connection, pushed: BranchPush) -> None:
    """Have each push that *pushed* supersedes say by which commit."""
    commits = dict.fromkeys(push.after for push in pushed.superseded if not push.deleted)
    commits.pop(pushed.push.after, None)  # a branch may come back to a commit
    scope = Scope.ALL if len(commits) > EACH_WORKSPACE_MOST else Scope.EACH
    title, summary = render.superseded(pushed.push, by=pushed.push.after)
    cancelled = Conclusion.CANCELLED.value
    for head_sha in commits:
        check = _of(pushed, SUPERSEDED, head_sha, cancelled, title, summary, scope)
        put(tx, replace(check, run=pushed.seq))


def put_left_open(tx: sa.Connection, pushed: BranchPush, served: Collection[str]) -> None:
    """Have the check runs of the ref end that are in progress, and that *pushed* will not end.

    At the end of its run, where no other is under way: what is open on other commits was left by
    runs that were cut off, whatever had asked for them; what is open on its own, by workspaces
    that are not *served* any more.
    """
    columns = (check_runs.c.head_sha, check_runs.c.workspace)
    query = sa.select(*columns).where(
        check_runs.c.repository_id == pushed.repository_id,
        check_runs.c.ref == pushed.push.ref,
        check_runs.c.conclusion.is_(None),
    )
    cancelled = Conclusion.CANCELLED.value
    for head_sha, workspace in tx.execute(query).all():
        if head_sha != pushed.push.after:
            kind, told = SUPERSEDED, render.superseded(pushed.push, by=pushed.push.after)
        elif workspace not in served:
            kind, told = UNSERVED, render.unserved(workspace)
        else:
            continue
        check = _of(pushed, kind, head_sha, cancelled, *told, Scope.ONE)
        put(tx, replace(check, workspace=workspace, run=pushed.seq))


def put_given_up(tx: sa.Connection, pushed: BranchPush, reason: str) -> None:
    """Have the check runs of a push end that nothing tries to promote any more."""
    if not pushed.push.deleted:
        title, summary = render.given_up(reason)
        put(tx, _of(pushed, GIVEN_UP, pushed.push.after, Conclusion.FAILURE.value, title, summary))


def put_final(
    tx: sa.Connection, pushed: BranchPush, run: CheckRun, *, not_before: float = 0.0
) -> None:
    """Have a promotion's own check run written later: GitHub does not take it now."""
    conclusion = Conclusion(run.conclusion).value
    check = _of(pushed, FINAL, run.head_sha, conclusion, run.title, run.summary, Scope.ONE)
    workspace = run.subject.workspace
    put(tx, replace(check, details_url=run.details_url, workspace=workspace), not_before=not_before)


def put_deployment(tx: sa.Connection, pushed: BranchPush, promoted: Promoted, state: State) -> None:
    """Have a deployment end later: GitHub does not take it now."""
    word, told, scope = state.word, state.description, Scope.DEPLOYMENT
    check = _of(pushed, DEPLOYMENT, promoted.sha, word, told, "", scope)
    check = replace(check, workspace=promoted.environment, run=promoted.run)
    put(tx, replace(check, details_url=state.log_url))


def put_outdated(tx: sa.Connection, pushed: BranchPush, head_sha: str) -> None:
    """Have a check that was re-run say that its commit is no more the branch's newest."""
    title, summary = render.outdated(pushed.push)
    put(tx, _of(pushed, OUTDATED, head_sha, Conclusion.CANCELLED.value, title, summary))


def _of(
    pushed: BranchPush,
    kind: str,
    head_sha: str,
    conclusion: str,
    title: str,
    summary: str,
    scope: Scope = Scope.EACH,
) -> OutboxItem:
    return OutboxItem(
        repository_id=pushed.repository_id,
        repository=pushed.push.repository,
        installation_id=pushed.installation_id,
        ref=pushed.push.ref,
        head_sha=head_sha,
        kind=kind,
        conclusion=conclusion,
        title=title,
        summary=summary,
        scope=scope.value,
    )
