"""An independent judge of what GitHub is told: at the moment of each report, and at the end.

It shares no code and no picture with the product. What is true it reads from the stand-ins: bare
repositories, clones on disk, check runs as they were written.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from end_state import EndState
from sightings import NOWHERE, REDIRECTIONS, Rules, Sightings, during, short
from verdicts import (
    FALSE_SUCCESS,
    FALSE_SUPERSEDED,
    FALSE_TITLE,
    STRAY,
    UNIDENTIFIED,
    Fault,
    Identity,
    identity_of,
    in_words,
)
from work_in_folders import Work

from sandbox.databricks.state.changes import What
from sandbox.databricks.state.records import FolderSnapshot
from sandbox.github.git.refs import HEADS, TAGS
from sandbox.github.state.check_runs import CheckRun
from sandbox.sandbox import Sandbox

HANDS_SECONDS = 5.0  # what a person did so lately, nobody can have read back yet
# A Git folder that began to follow so shortly before a promotion may not be known to it: who
# surveys a workspace does so about once a minute.
DISCOVERY_SECONDS = 60.0
SLACK_SECONDS = 2.0  # a ref that came back so lately may not be known yet where a report is made
CLAIM = re.compile(r"(\d+) of (\d+) Git folders? at ([0-9a-f]{7,40})")
SUPERSEDED = re.compile(r"Superseded by ([0-9a-f]{7,40})")
HANDS = {what.value for what in (*REDIRECTIONS, What.COMMITTED)}


@dataclass
class Witness:
    """Sees everything, and keeps what was wrong at its moment in *faults*.

    *rules* are those of the operator, by which Git folders follow something else than branches.
    """

    sandbox: Sandbox
    rules: Rules = field(default_factory=dict)
    slack_seconds: float = SLACK_SECONDS
    hands_seconds: float = HANDS_SECONDS
    discovery_seconds: float = DISCOVERY_SECONDS
    successes: int = 0
    faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seen = Sightings(self.sandbox, self.rules)
        self._end = EndState(self.seen, self._refs_of)
        self._said: set[tuple[int, str]] = set()  # what is said once of a check run
        self.work = Work(self.seen, self.faults.append)
        self.sandbox.github.watch_check_runs(self._written)

    def final(self) -> list[Fault]:
        """Return what is not yet, or not any more, as it must be once all is done."""
        return self._end.faults()

    def all_faults(self) -> list[Fault]:
        """Return what was wrong at any moment, and what is wrong now that all is done."""
        return [*self.faults, *self.final()]

    def wait_until_settled(
        self,
        *,
        seconds: float,
        quiet: float = 0.3,
        every: float = 0.05,
        told: Callable[[], str] = str,
        known: Collection[Fault] = (),
    ) -> float:
        """Wait until all is as it must be, and stays so for a while; return how long that took.

        Fails with all that is wrong, but for what is *known*, and with what was *told*.
        """
        started = time.monotonic()
        while time.monotonic() < started + seconds:
            if self.is_settled(known, quiet=quiet):
                self.seen.note_settled()
                return time.monotonic() - started - quiet
            time.sleep(every)
        found = self._new(self.all_faults(), known)
        raise AssertionError(f"not settled within {seconds:g} s: {self._in_full(found, told)}")

    def is_settled(self, known: Collection[Fault] = (), *, quiet: float = 0.0) -> bool:
        """Say whether all is as it must be, and nothing happened for a while."""
        if time.monotonic() - self.seen.last_at < quiet or self.sandbox.github.delivers:
            return False
        return not self._new(self.final(), known)

    def check(self, told: Callable[[], str] = str, known: Collection[Fault] = ()) -> None:
        """Fail with all that was wrong at its moment, but for what is *known*.

        For who has waited: what is as it must be may be looked at once more by the product.
        """
        if found := self._new(self.faults, known):
            raise AssertionError(self._in_full(found, told))

    def _new(self, faults: Iterable[Fault], known: Collection[Fault]) -> list[Fault]:
        return [fault for fault in faults if fault not in known]

    def _in_full(self, found: list[Fault], told: Callable[[], str]) -> str:
        return "\n".join([in_words(found), *(f"- {fault}" for fault in found), told()])

    def _written(self, run: CheckRun) -> None:
        """Judge a check run as it is written, before anybody can see it."""
        self.seen.note_run(run)
        named = identity_of(run)
        if named is None:
            return
        refs = self._refs_of(run, named)
        if named.workspace is None:
            self._judge_plain(run, refs)
            return
        if len(refs) > 1:
            self._say(UNIDENTIFIED, run, f"it could be of {', '.join(sorted(refs))}", once=True)
        for ref in refs if len(refs) == 1 else ():
            self._judge_place(run, ref, named.workspace)
        if run.status == "completed":
            self._judge_conclusion(run, refs, named.workspace)

    def _judge_plain(self, run: CheckRun, refs: set[str]) -> None:
        """A report for all workspaces may only say that its push is superseded."""
        if run.conclusion == "success":
            self._say(FALSE_SUCCESS, run, "it does not say in which workspace")
        if run.conclusion == "cancelled":
            self._judge_superseded(run, refs)

    def _judge_conclusion(self, run: CheckRun, refs: set[str], workspace: str) -> None:
        if run.conclusion == "success":
            self.successes += 1
            lies = self._lies_of_success(run, refs, workspace)
            if lies:
                self._say(FALSE_SUCCESS, run, "; ".join(lies))
                return
        if run.conclusion == "cancelled":
            self._judge_superseded(run, refs)
        if lies := list(self._lies_of_title(run, refs, workspace)):
            self._say(FALSE_TITLE, run, "; ".join(lies))

    def _refs_of(self, run: CheckRun, named: Identity) -> set[str]:
        """Return the refs that a check run may be about."""
        at_commit = self.seen.refs_with(run.repository_id, run.head_sha)
        if named.ref is None:
            return {ref for ref in at_commit if ref.startswith(HEADS)}
        if named.ref.startswith("refs/"):
            return {named.ref}
        return {ref for ref in (HEADS + named.ref, TAGS + named.ref) if ref in at_commit}

    def _judge_place(self, run: CheckRun, ref: str, workspace: str) -> None:
        """Where nothing followed since the commit was pushed there, nothing is reported."""
        moves = self.seen.moves_of(run.repository_id, ref)
        arrived = next((move.at for move in moves if move.commit == run.head_sha), None)
        now = time.monotonic()
        if arrived is None and self.seen.head(run.repository_id, ref) == run.head_sha:
            arrived = now  # git has moved it, and is about to say so
        if arrived is None:
            self._say(STRAY, run, f"{ref} was never there", once=True)
        elif not self.seen.followed_between(
            workspace, run.repository_id, ref, arrived - self.hands_seconds, now
        ):
            self._say(STRAY, run, f"nothing in {workspace} follows {ref}", once=True)

    def _lies_of_success(self, run: CheckRun, refs: set[str], workspace: str) -> list[str]:
        """All that follow are there; where a report names none of several refs, those of all."""
        followers = self._followers(run, refs, workspace)
        if not followers and not self._left_lately(run, refs, workspace, followers):
            return [f"no Git folder of {workspace} follows it"]
        return [
            f"{folder.path} is at {short(folder.head_commit_id)}"
            f" ({self.seen.path_of(workspace, folder.id)}; {ref} "
            f"{self.seen.path_of_ref(run.repository_id, ref)})"
            for ref, folder in followers
            if not self._is_right(run, ref, workspace, folder)
        ]

    def _lies_of_title(self, run: CheckRun, refs: set[str], workspace: str) -> Iterator[str]:
        claim = CLAIM.search(run.title or "")
        if claim is None:
            return
        there, of = int(claim[1]), int(claim[2])
        followers = self._followers(run, refs, workspace)
        right = sum(self._is_right(run, ref, workspace, each) for ref, each in followers)
        lately = self._left_lately(run, refs, workspace, followers)
        if not run.head_sha.startswith(claim[3]):
            yield "that is another commit"
        if there > right + lately:
            yield f"of {len(followers)} Git folders {right} are there"
        if there > of or of > len(followers) + lately:
            yield f"{len(followers)} Git folders follow it"

    def _judge_superseded(self, run: CheckRun, refs: set[str]) -> None:
        """Another commit came after it, and it is not the newest again."""
        now = time.monotonic()
        for ref in refs:
            moves = self.seen.moves_of(run.repository_id, ref)
            if not moves or now - moves[-1].at <= self.slack_seconds:
                continue
            if self.seen.head(run.repository_id, ref) == run.head_sha:
                path = self.seen.path_of_ref(run.repository_id, ref)
                before = self.seen.path_of_run(run) or "nothing"
                self._say(FALSE_SUPERSEDED, run, f"{ref} is there ({path}); it was {before}")
        by = SUPERSEDED.search(run.title or "")
        if by is not None and refs and not any(self._came_later(run, ref, by[1]) for ref in refs):
            self._say(FALSE_TITLE, run, f"{by[1]} did not come after it")

    def _came_later(self, run: CheckRun, ref: str, sha: str) -> bool:
        """Say whether the ref was moved to *sha* after it was at the commit of *run*."""
        commits = [move.commit or "" for move in self.seen.moves_of(run.repository_id, ref)]
        commits.append(self.seen.head(run.repository_id, ref) or "")
        if run.head_sha not in commits:
            return True  # a commit that no push ended at
        later = commits[commits.index(run.head_sha) + 1 :]
        return any(commit.startswith(sha) for commit in later)

    def _followers(
        self, run: CheckRun, refs: Iterable[str], workspace: str
    ) -> list[tuple[str, FolderSnapshot]]:
        return [
            (ref, folder)
            for ref in sorted(refs)
            for folder in self.seen.followers(workspace, run.repository_id, ref)
        ]

    def _is_right(self, run: CheckRun, ref: str, workspace: str, folder: FolderSnapshot) -> bool:
        """Say whether a Git folder is at the commit, or came of it.

        Or was until a person just did something, or had followed the ref for less than a minute
        when the promotion began.
        """
        if self.seen.contains(workspace, folder, run.head_sha):
            return True
        known_since = self._since(run) - self.discovery_seconds
        seen = self.seen.positions_of(workspace, folder.id)
        for before, position in itertools.pairwise([NOWHERE, *seen]):
            if position.by != "person" or position.what not in HANDS or position.at < known_since:
                continue
            if not self.seen.follows(workspace, before.folder, run.repository_id, ref):
                return True
            was_there = self.seen.contains(workspace, before.folder, run.head_sha)
            if was_there and position.at >= self._since(run):
                return True
        return False

    def _left_lately(
        self,
        run: CheckRun,
        refs: set[str],
        workspace: str,
        followers: list[tuple[str, FolderSnapshot]],
    ) -> int:
        """Count the Git folders that a person has just taken away from the refs."""
        since, now = self._since(run), time.monotonic()
        known = {folder.id for _, folder in followers}
        with self.seen.lock:
            others = [
                during(seen, since, now)
                for (name, number), seen in self.seen.positions.items()
                if name == workspace and number not in known
            ]
        return sum(
            any(
                self.seen.follows(workspace, position.folder, run.repository_id, ref)
                for ref in refs
                for position in positions
            )
            for positions in others
        )

    def _since(self, run: CheckRun) -> float:
        """Return from when on a person's doings may be unknown to who reports."""
        states = self.seen.states_of(run.id)
        begun = [state.at for state in states if state.run.status == "in_progress"][-1:]
        return min([time.monotonic() - self.hands_seconds, *begun])

    def _say(self, kind: str, run: CheckRun, what: str, *, once: bool = False) -> None:
        if once and (run.id, kind) in self._said:
            return
        self._said.add((run.id, kind))
        self.faults.append(Fault(kind, f"{self.seen.words(run)}: {what}"))
