"""What happened on the stand-ins, moment by moment: where refs and Git folders were, and what
was reported. It asks the stand-ins and git alone, and takes nothing from the product."""

from __future__ import annotations

import bisect
import fnmatch
import functools
import os
import re
import subprocess
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.databricks.state.changes import FolderChange, What
from sandbox.databricks.state.records import FolderSnapshot
from sandbox.github.git.refs import HEADS, TAGS, RefChange
from sandbox.github.state.check_runs import CheckRun
from sandbox.github.state.repositories import Repository
from sandbox.sandbox import Sandbox

# By which a person makes a Git folder follow something else, or nothing.
REDIRECTIONS = {What.CREATED, What.DELETED, What.MOVED, What.POINTED, What.SWITCHED}


@dataclass(frozen=True)
class Rule:
    """What the operator of a workspace wrote about the Git folders below a path."""

    below: str  # "/Repos/Release/"
    follow: str = "branch"  # or "nothing", or "tag:v*"
    discards: bool = False

    def toml(self, workspace: str) -> str:
        lines = [f"[[workspaces.{workspace}.rules]]", f'paths = ["{self.below}**"]']
        lines += [f'follow = "{self.follow}"', f'on_conflict = "{self._on_conflict()}"']
        return "\n".join(lines) + "\n"

    def _on_conflict(self) -> str:
        return "discard" if self.discards else "report"


DEFAULT = Rule("/")
Rules = dict[str, list[Rule]]  # by workspace, the first that matches decides


@dataclass(frozen=True)
class RefMove:
    """One ref was moved, made or deleted; *commit* is None where it is no more."""

    at: float
    repository_id: int
    ref: str
    commit: str | None
    before: str | None
    is_push: bool = True  # not where it was there before all

    def __str__(self) -> str:
        return f"{short(self.before)} -> {short(self.commit)}"


@dataclass(frozen=True)
class Position:
    """Where a Git folder was from *at* on; None where it is gone."""

    at: float
    by: str
    what: str
    folder: FolderSnapshot | None

    @property
    def commit(self) -> str | None:
        return self.folder.head_commit_id if self.folder else None


NOWHERE = Position(0.0, "nobody", "not there yet", None)


@dataclass(frozen=True)
class Written:
    """One state of a check run."""

    at: float
    run: CheckRun


@dataclass
class Sightings:
    """Everything that moved since this was made, on monotonic time."""

    sandbox: Sandbox
    rules: Rules = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.began = time.monotonic()
        self.lock = threading.RLock()
        self.moves: dict[tuple[int, str], list[RefMove]] = defaultdict(list)
        self.refs_at: dict[tuple[int, str], set[str]] = defaultdict(set)  # by id and commit
        self.positions: dict[tuple[str, int], list[Position]] = defaultdict(list)
        self.states: dict[int, list[Written]] = defaultdict(list)  # of check runs
        self.runs_on: dict[tuple[int, str], dict[int, CheckRun]] = defaultdict(dict)
        self.open: dict[int, CheckRun] = {}  # check runs that are not completed
        self.settled_at: list[float] = []
        self.last_at = self.began  # when anything happened last
        self._look_at_what_is_there()
        self.sandbox.github.watch_refs(self._ref_moved)
        for workspace in self.sandbox.workspaces:
            workspace.watch_git_folders(self._folder_changed)

    def _look_at_what_is_there(self) -> None:
        for name in self.sandbox.github.repository_names:
            repository = self.sandbox.github.repository(name)
            for ref, sha in self.sandbox.github.refs(name).items():
                self._note_move(repository, ref, None, sha, is_push=False)
        for workspace in self.sandbox.workspaces:
            for folder in workspace.folders():
                position = Position(self.began, "nobody", "found", folder)
                self.positions[workspace.name, folder.id].append(position)

    def _ref_moved(self, repository: Repository, change: RefChange) -> None:
        with self.lock:
            before = None if change.created else change.before
            self._note_move(repository, change.ref, before, change.after, is_push=True)

    def _note_move(
        self, repository: Repository, ref: str, before: str | None, sha: str, *, is_push: bool
    ) -> None:
        commit = None if set(sha) == {"0"} else self.peeled(repository.path, ref, sha)
        move = RefMove(time.monotonic(), repository.id, ref, commit, before, is_push)
        self.moves[repository.id, ref].append(move)
        self.last_at = move.at
        if commit is not None:
            self.refs_at[repository.id, commit].add(ref)

    def _folder_changed(self, change: FolderChange) -> None:
        gone = change.what is What.DELETED
        folder = None if gone else change.folder
        with self.lock:
            position = Position(time.monotonic(), change.by, change.what.value, folder)
            self.positions[change.workspace, change.folder.id].append(position)
            self.last_at = position.at

    def moves_of(self, repository_id: int, ref: str) -> list[RefMove]:
        with self.lock:
            return list(self.moves.get((repository_id, ref), ()))

    def refs_with(self, repository_id: int, commit: str) -> set[str]:
        """Return the refs that were ever at a commit."""
        with self.lock:
            return set(self.refs_at.get((repository_id, commit), ()))

    def positions_of(self, workspace: str, folder_id: int) -> list[Position]:
        with self.lock:
            return list(self.positions.get((workspace, folder_id), ()))

    def runs_of(self, repository_id: int, commit: str) -> list[CheckRun]:
        """Return the check runs of a commit as they are now, oldest first."""
        with self.lock:
            return list(self.runs_on.get((repository_id, commit), {}).values())

    def states_of(self, run_id: int) -> list[Written]:
        with self.lock:
            return list(self.states.get(run_id, ()))

    def note_run(self, run: CheckRun) -> None:
        with self.lock:
            self.last_at = time.monotonic()
            self.states[run.id].append(Written(self.last_at, run))
            self.runs_on[run.repository_id, run.head_sha][run.id] = run
            if run.status == "completed":
                self.open.pop(run.id, None)
            else:
                self.open[run.id] = run

    def note_settled(self) -> None:
        """From what is there now on, the product has had the time to know everything."""
        self.settled_at.append(time.monotonic())

    # What follows what.

    def rule_of(self, workspace: str, path: str) -> Rule:
        rules = self.rules.get(workspace, ())
        return next((rule for rule in rules if path.startswith(rule.below)), DEFAULT)

    def repository_of(self, url: str | None) -> int | None:
        """Return the id of the repository that a Git folder's URL leads to on GitHub."""
        parts = urlsplit(url or "")
        if parts.netloc.rpartition("@")[2] != urlsplit(self.sandbox.github.url).netloc:
            return None
        name = "/".join(part for part in parts.path.split("/") if part).removesuffix(".git")
        found = self.sandbox.github.leads_to(name)
        return None if found is None else found.id

    def follows(
        self, workspace: str, folder: FolderSnapshot | None, repository_id: int, ref: str
    ) -> bool:
        """Say whether a push to *ref* of that repository is one for the Git folder."""
        if folder is None or self.repository_of(folder.url) != repository_id:
            return False
        rule = self.rule_of(workspace, folder.path)
        if rule.follow.startswith("tag:"):
            pattern = TAGS + rule.follow.removeprefix("tag:")
            return fnmatch.fnmatchcase(ref, pattern) and version(ref) is not None
        return rule.follow == "branch" and ref == f"{HEADS}{folder.branch}"

    def followers(self, workspace: str, repository_id: int, ref: str) -> list[FolderSnapshot]:
        """Return the Git folders that follow *ref* there at this moment, as they are on disk."""
        place = self.sandbox.workspace(workspace)
        with self.lock:
            latest = [
                (number, seen[-1].folder)
                for (name, number), seen in self.positions.items()
                if name == workspace
            ]
        now = [
            place.folder_of_id(number)
            for number, folder in latest
            if folder is not None and self.repository_of(folder.url) == repository_id
        ]
        return [each for each in now if self.follows(workspace, each, repository_id, ref)]

    def followed_between(
        self, workspace: str, repository_id: int, ref: str, since: float, until: float
    ) -> bool:
        """Say whether a Git folder followed *ref* there at any time of those."""
        with self.lock:
            return any(
                self.follows(workspace, position.folder, repository_id, ref)
                for (name, _), seen in self.positions.items()
                if name == workspace
                for position in during(seen, since, until)
            )

    # Commits.

    def repository(self, repository_id: int) -> Repository:
        return self.sandbox.github.repository_of_id(repository_id)

    def head(self, repository_id: int, ref: str) -> str | None:
        """Return the commit that a ref of GitHub is at, from its files: None where it is gone."""
        repository = self.repository(repository_id)
        sha = self.sandbox.github.refs(repository.full_name).get(ref)
        return None if sha is None else self.peeled(repository.path, ref, sha)

    def peeled(self, repository: Path, ref: str, sha: str) -> str:
        """Return the commit that a ref leads to: a tag may be an object of its own."""
        return commit_of(repository, sha) if ref.startswith(TAGS) else sha

    def contains(self, workspace: str, folder: FolderSnapshot, commit: str) -> bool:
        """Say whether a Git folder is at *commit*, or at one that came of it."""
        head = folder.head_commit_id
        if head is None or head == commit:
            return head == commit
        repository_id = self.repository_of(folder.url)
        if repository_id is not None:
            known = is_ancestor(self.repository(repository_id).path, commit, head)
            if known is not None:
                return known
        # A commit that a person made in the folder is known only there.
        clone = self.sandbox.workspace(workspace).clone_of(folder.id)
        return bool(is_ancestor(clone, commit, head))

    def reign(self, move: RefMove) -> tuple[float, float]:
        """Return from when to when the ref stayed where *move* brought it."""
        moves = self.moves_of(move.repository_id, move.ref)
        later = moves[moves.index(move) + 1 :]
        return move.at, later[0].at if later else time.monotonic()

    # In words, for who reads a fault.

    def words(self, run: CheckRun) -> str:
        ended = run.conclusion or run.status
        return f"{run.repository} {short(run.head_sha)} {run.name!r} {ended} {run.title!r}"

    def move_in_words(self, move: RefMove) -> str:
        return f"{self.repository(move.repository_id).full_name} {move.ref} {move}"

    def path_of(self, workspace: str, folder_id: int) -> str:
        """Return the last positions of a Git folder, and how long ago each began."""
        seen, now = self.positions_of(workspace, folder_id)[-5:], time.monotonic()
        return ", ".join(
            f"{each.what} by {each.by} {now - each.at:.1f} s ago: {short(each.commit)}"
            for each in seen
        )

    def path_of_ref(self, repository_id: int, ref: str) -> str:
        """Return the last moves of a ref, and how long ago each was."""
        moves, now = self.moves_of(repository_id, ref)[-5:], time.monotonic()
        return ", ".join(f"{now - move.at:.1f} s ago: {short(move.commit)}" for move in moves)

    def path_of_run(self, run: CheckRun) -> str:
        """Return what a check run was before, and how long ago."""
        states, now = self.states_of(run.id)[-4:-1], time.monotonic()
        return ", ".join(
            f"{now - state.at:.1f} s ago: {state.run.conclusion or state.run.status}"
            for state in states
        )


def during(seen: list[Position], since: float, until: float) -> list[Position]:
    """Return where a Git folder was between two moments, the first of it included."""
    first, last = (bisect.bisect_right(seen, at, key=lambda one: one.at) for at in (since, until))
    return seen[max(0, first - 1) : last]


def short(sha: str | None) -> str:
    return sha[:7] if sha else "nothing"


def version(ref: str) -> tuple[int, ...] | None:
    """Return the numbers of a tag such as refs/tags/v1.20."""
    found = re.fullmatch(r"refs/tags/\D*(\d+(?:\.\d+)*)", ref)
    return tuple(map(int, found[1].split("."))) if found else None


def is_ancestor(repository: Path, old: str, new: str) -> bool | None:
    """Say whether *new* came of *old*; None where the repository does not know both."""
    return {0: True, 1: False}.get(_ancestry(repository, old, new))


@functools.lru_cache(maxsize=100_000)
def _ancestry(repository: Path, old: str, new: str) -> int:
    return _git(repository, "merge-base", "--is-ancestor", old, new).returncode


@functools.lru_cache(maxsize=100_000)
def commit_of(repository: Path, sha: str) -> str:
    return _git(repository, "rev-parse", "--verify", f"{sha}^{{commit}}").stdout.strip() or sha


def local_branches_with(clone: Path, commit: str) -> bool:
    """Say whether a commit is on a branch of the clone."""
    wanted = ("for-each-ref", f"--contains={commit}", "refs/heads")
    return bool(_git(clone, *wanted).stdout.strip())


def _git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ("git", "-C", str(repository), *arguments),
        env={
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
        },
        capture_output=True,
        text=True,
        check=False,
    )
