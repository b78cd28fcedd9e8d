"""Keep what became of every Git folder of a push, and tell it again."""

from __future__ import annotations

import json
import secrets
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from github_app.reports.details_link import Links, Page, opens
from github_app.storage.branches import BranchPush, Cause
from github_app.storage.tables import outcomes, reports
from promotion.discovery import UnreadablePath
from promotion.model import Conclusion, GitFolder, Outcome, Push
from promotion.plan import Decision
from promotion.workspace import Report

WHOLE_WORKSPACE = ""  # the path of the row that tells what stopped a workspace


@dataclass(frozen=True)
class KeptReport:
    """What is known afterwards of one push in one workspace.

    A Git folder is its id and path; what does not move is told by its reason alone.
    """

    push: Push  # without `before`
    report: Report
    cause: Cause
    at: float


def record(
    tx: sa.Connection,
    pushed: BranchPush,
    report: Report,
    *,
    at: float,
    links: Links | None = None,
) -> str:
    """Replace the report on a commit for one ref in one workspace; return the link to its page.

    A run may be repeated, and a Re-run reports on the same commit again: the page stays the same.
    Without *links* there is no link.
    """
    public_id = forget(tx, pushed, report) or secrets.token_urlsafe(24)
    rows = [_row(pushed, report, outcome, at) for outcome in report.outcomes]
    if report.problem:
        rows = [_stopped(pushed, report, at)]
    if rows:
        tx.execute(outcomes.insert(), rows)
    page = Page(
        public_id, pushed.repository_id, pushed.push.after, pushed.push.ref, report.workspace
    )
    link = links.to(page) if links is not None else None
    digest = link.digest if link is not None else None
    row = _besides(pushed, report, at) | {"public_id": public_id, "link_digest": digest}
    tx.execute(reports.insert(), row)
    return link.url if link is not None else ""


def forget(tx: sa.Connection, pushed: BranchPush, report: Report) -> str | None:
    """Forget the report on a commit for one ref in one workspace; return the id of its page."""
    of_subject = (
        reports.c.repository_id == pushed.repository_id,
        reports.c.after == pushed.push.after,
        reports.c.ref == pushed.push.ref,
        reports.c.workspace == report.workspace,
    )
    query = sa.select(reports.c.seq, reports.c.public_id).where(*of_subject)
    earlier = tx.execute(query.order_by(reports.c.seq)).all()
    for seq in {pushed.seq, *(row.seq for row in earlier)}:
        for table in (outcomes, reports):
            mine = (table.c.seq == seq, table.c.workspace == report.workspace)
            tx.execute(table.delete().where(*mine, table.c.ref == pushed.push.ref))
    return next((str(row.public_id) for row in earlier if row.public_id), None)


def read(reader: sa.Connection, public_id: str, key: str) -> KeptReport | None:
    """Return the report whose page *key* opens; None where there is none (any more), or another."""
    mine = reports.c.public_id == public_id
    row = reader.execute(sa.select(reports).where(mine)).one_or_none()
    if row is None or not opens(key, row.link_digest):
        return None
    workspace = row.workspace
    told = (
        outcomes.c.seq == row.seq,
        outcomes.c.workspace == workspace,
        outcomes.c.ref == row.ref,
    )
    rows = reader.execute(sa.select(outcomes).where(*told).order_by(outcomes.c.path)).all()
    stopped = next((each for each in rows if each.path == WHOLE_WORKSPACE), None)
    report = Report(
        workspace,
        row.host,
        decisions=tuple(
            Decision(_folder(number, path), None, reason, blocked=any(blocked))
            for number, path, reason, *blocked in _unpacked(row.unchanged)
        ),
        outcomes=tuple(_outcome(each) for each in rows if each is not stopped),
        unreadable=tuple(UnreadablePath(*spot) for spot in _unpacked(row.unreadable)),
        problem=stopped.reason if stopped is not None else "",
        next_step=stopped.next_step if stopped is not None else "",
    )
    push = Push(row.repository, row.ref, before="", after=row.after)
    return KeptReport(push, report, Cause(row.cause), row.at)


def blocked(unchanged: bytes) -> list[int]:
    """Return the ids of the Git folders that a person had to mend first, from `unchanged`."""
    return [number for number, _, _, *more in _unpacked(unchanged) if any(more)]


def _push(pushed: BranchPush, report: Report, at: float) -> dict[str, Any]:
    return {
        "seq": pushed.seq,
        "repository_id": pushed.repository_id,
        "ref": pushed.push.ref,
        "workspace": report.workspace,
        "at": at,
    }


def _row(pushed: BranchPush, report: Report, outcome: Outcome, at: float) -> dict[str, Any]:
    return _push(pushed, report, at) | {
        "git_folder_id": outcome.folder.id,
        "path": outcome.folder.path,
        "before": outcome.before,
        "after": outcome.after,
        "conclusion": outcome.conclusion.value,
        "reason": outcome.reason,
        "next_step": outcome.next_step,
        "rule": outcome.rule,
        "seconds": outcome.seconds,
    }


def _stopped(pushed: BranchPush, report: Report, at: float) -> dict[str, Any]:
    return _push(pushed, report, at) | {
        "git_folder_id": 0,
        "path": WHOLE_WORKSPACE,
        "before": None,
        "after": None,
        "conclusion": Conclusion.FAILURE.value,
        "reason": report.problem,
        "next_step": report.next_step,
        "rule": "",
        "seconds": 0.0,
    }


def _besides(pushed: BranchPush, report: Report, at: float) -> dict[str, Any]:
    unchanged = [each for each in report.decisions if not each.moves]
    return {
        "seq": pushed.seq,
        "repository_id": pushed.repository_id,
        "workspace": report.workspace,
        "host": report.host,
        "repository": pushed.push.repository,
        "ref": pushed.push.ref,
        "after": pushed.push.after,
        "cause": pushed.cause.value,
        "unchanged": _packed(
            (each.folder.id, each.folder.path, each.reason, int(each.blocked)) for each in unchanged
        ),
        "unreadable": _packed((spot.path, spot.reason) for spot in report.unreadable),
        "at": at,
    }


def _outcome(row: sa.Row[Any]) -> Outcome:
    return Outcome(
        _folder(row.git_folder_id, row.path),
        Conclusion(row.conclusion),
        row.before,
        row.after,
        row.reason,
        row.next_step,
        row.seconds,
        row.rule,
    )


def _folder(number: int, path: str) -> GitFolder:
    return GitFolder(number, path, url=None, provider=None, branch=None, head_commit_id=None)


def _packed(rows: Iterable[tuple[int | str, ...]]) -> bytes:
    """Return rows that are alike and seldom read: thousands of them make a few kilobytes."""
    return zlib.compress(json.dumps(list(rows), separators=(",", ":")).encode())


def _unpacked(packed: bytes) -> list[Any]:
    rows: list[Any] = json.loads(zlib.decompress(packed))
    return rows
