"""What must be so once all is done: where Git folders are, and what stands on each commit."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Iterator

from sightings import REDIRECTIONS, Position, RefMove, Sightings, during, short, version
from verdicts import (
    BEHIND,
    FALSE_FAILURE,
    LEFT_OPEN,
    MADE_TWICE,
    MISSING,
    Fault,
    Identity,
    identity_of,
)

from sandbox.databricks.state.records import FolderSnapshot
from sandbox.github.git.refs import TAGS
from sandbox.github.state.check_runs import CheckRun

REDIRECTED = {what.value for what in REDIRECTIONS}


class EndState:
    """Judges what has been seen as if nothing were still to come."""

    def __init__(self, seen: Sightings, refs_of: Callable[[CheckRun, Identity], set[str]]) -> None:
        self._seen = seen
        self._refs_of = refs_of
        self._met: set[tuple[RefMove, str]] = set()  # superseded pushes that have their report

    def faults(self) -> list[Fault]:
        """Return what is not yet, or not any more, as it must be."""
        with self._seen.lock:
            moved = [(key, list(moves)) for key, moves in self._seen.moves.items()]
            still_open = list(self._seen.open.values())
        found = [Fault(LEFT_OPEN, self._seen.words(run)) for run in still_open]
        for (repository_id, ref), moves in moved:
            for workspace in self._seen.sandbox.workspaces:
                found += self._of_ref(repository_id, ref, moves, workspace.name)
        return [*found, *self._made_twice()]

    def _of_ref(
        self, repository_id: int, ref: str, moves: list[RefMove], workspace: str
    ) -> Iterator[Fault]:
        """Judge one ref in one workspace."""
        head = self._seen.head(repository_id, ref)
        followers = []
        now = time.monotonic()
        if head is not None and not (ref.startswith(TAGS) and self._is_lower(moves[-1], now)):
            followers = self._seen.followers(workspace, repository_id, ref)
        if head is not None and followers:
            yield from self._behind(workspace, ref, head, followers)
            newest = [move for move in moves if move.commit == head][-1:]
            for move in newest:  # none where git is about to tell of it
                yield from self._newest(move, workspace, followers)
        for move in moves:
            if move.commit not in (None, head) and (move, workspace) not in self._met:
                yield from self._superseded(move, workspace)

    def _behind(
        self, workspace: str, ref: str, head: str, followers: list[FolderSnapshot]
    ) -> Iterator[Fault]:
        for each in followers:
            is_ahead = ref.startswith(TAGS) and self._seen.contains(workspace, each, head)
            if each.head_commit_id != head and not is_ahead:
                where = f"{workspace}:{each.path} is at {short(each.head_commit_id)}"
                path = self._seen.path_of(workspace, each.id)
                yield Fault(BEHIND, f"{where} and {ref} at {short(head)} ({path})")

    def _newest(
        self, move: RefMove, workspace: str, followers: list[FolderSnapshot]
    ) -> Iterator[Fault]:
        """A followed ref's newest commit says that all are there, if ever one was not."""
        runs = self._reports(move, workspace)
        if not runs and any(self._was_elsewhere(move, workspace, each.id) for each in followers):
            yield Fault(MISSING, f"{self._seen.move_in_words(move)} in {workspace}")
        plain = [run for run in self._reports(move, None) if self._refs(run) == {move.ref}]
        for run in [*runs[-1:], *plain]:
            if run.status == "completed" and run.conclusion != "success":
                yield Fault(FALSE_FAILURE, f"{self._seen.words(run)}, the newest of {move.ref}")

    def _superseded(self, move: RefMove, workspace: str) -> Iterator[Fault]:
        """A push that was to move a Git folder has its report, also where another one came."""
        runs = [*self._reports(move, workspace), *self._reports(move, None)]
        if any(run.status == "completed" for run in runs):
            self._met.add((move, workspace))
        elif self._was_to_move(move, workspace):
            yield Fault(MISSING, f"{self._seen.move_in_words(move)} in {workspace}")

    def _made_twice(self) -> Iterator[Fault]:
        with self._seen.lock:
            several = [list(runs.values()) for runs in self._seen.runs_on.values() if len(runs) > 1]
        for runs in several:
            named = collections.Counter(identity_of(run) for run in runs)
            for identity, count in named.items():
                if identity is not None and count > 1:
                    what = f"{count} check runs of {identity} on {short(runs[0].head_sha)}"
                    yield Fault(MADE_TWICE, what)

    def _reports(self, move: RefMove, workspace: str | None) -> list[CheckRun]:
        """Return the check runs of a push in a workspace; None: those for all of them."""
        runs = self._seen.runs_of(move.repository_id, move.commit or "")
        named = [(run, identity_of(run)) for run in runs]
        return [
            run
            for run, identity in named
            if identity is not None
            and identity.workspace == workspace
            and move.ref in self._refs_of(run, identity)
        ]

    def _refs(self, run: CheckRun) -> set[str]:
        identity = identity_of(run)
        return set() if identity is None else self._refs_of(run, identity)

    def _is_lower(self, move: RefMove, at: float) -> bool:
        """Say whether a tag was not that of the highest version at a moment."""
        mine = version(move.ref)
        if mine is None:
            return True
        with self._seen.lock:
            others = [
                (version(ref), [each for each in moves if each.at <= at])
                for (repository_id, ref), moves in self._seen.moves.items()
                if repository_id == move.repository_id and ref.startswith(TAGS)
            ]
        return any(other and other > mine and moves and moves[-1].commit for other, moves in others)

    def _was_elsewhere(self, move: RefMove, workspace: str, folder_id: int) -> bool:
        """Say whether the Git folder was not at the commit at some time while the ref was.

        To be ahead of a tag is as good as to be at it.
        """
        since, until = self._seen.reign(move)
        folders = [
            position.folder
            for position in during(self._seen.positions_of(workspace, folder_id), since, until)
            if self._seen.follows(workspace, position.folder, move.repository_id, move.ref)
        ]
        if move.ref.startswith(TAGS):
            return not all(self._seen.contains(workspace, each, move.commit) for each in folders)
        return any(each.head_commit_id != move.commit for each in folders)

    def _was_to_move(self, move: RefMove, workspace: str) -> bool:
        """Say whether a Git folder that everybody knew had to move and moved, by no person's hand.

        Known is what was there when all had settled before, and until all settles again. Where
        the ref came back before anything was moved, nothing needs to be said.
        """
        if not move.is_push or (move.ref.startswith(TAGS) and self._is_lower(move, move.at)):
            return False
        settled = [self._seen.began, *self._seen.settled_at]
        since = max(at for at in settled if at <= move.at)
        until = min((at for at in settled if at > move.at), default=time.monotonic())
        with self._seen.lock:
            items = [(key, list(seen)) for key, seen in self._seen.positions.items()]
        return any(
            self._is_established(during(seen, since, until), move, workspace, since)
            and self._was_elsewhere(move, workspace, number)
            and len({each.commit for each in during(seen, move.at, until)}) > 1
            for (name, number), seen in items
            if name == workspace
        )

    def _is_established(
        self, positions: list[Position], move: RefMove, workspace: str, since: float
    ) -> bool:
        if not positions or positions[0].at > since:
            return False
        touched = any(each.by == "person" and each.what in REDIRECTED for each in positions[1:])
        return not touched and all(
            self._seen.follows(workspace, each.folder, move.repository_id, move.ref)
            for each in positions
        )
