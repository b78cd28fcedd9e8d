"""The repositories of the stand-in: a bare repository on disk and a few facts in memory."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sandbox.github.git import history
from sandbox.github.git.refs import HEADS, RefChange, compare_refs, read_refs
from sandbox.github.state.replicas import Past

# gc is off: nothing may pack refs behind the back of a reader.
CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
[http]
\treceivepack = true
[receive]
\tautogc = false
[gc]
\tauto = 0
[uploadpack]
\tallowFilter = true
\tallowAnySHA1InWant = true
"""


@dataclass(frozen=True)
class Repository:
    """A repository on the stand-in GitHub."""

    id: int
    full_name: str
    private: bool
    default_branch: str
    path: Path
    clone_url: str

    @property
    def owner(self) -> str:
        return self.full_name.partition("/")[0]

    @property
    def name(self) -> str:
        return self.full_name.partition("/")[2]


# Called with every ref of a repository at the moment at which it moved.
RefWatcher = Callable[[Repository, RefChange], None]


@dataclass
class Hosted:
    """A repository with what changes about it; its lock is held while refs move."""

    repository: Repository
    created_at: float
    pushed_at: float
    archived: bool = False
    watchers: Sequence[RefWatcher] = ()
    lock: threading.Lock = field(default_factory=threading.Lock)
    _past: Past[str, dict[str, str]] = field(default_factory=Past)
    _arrivals: dict[str, float] = field(default_factory=dict)  # of what refs were moved to

    @property
    def path(self) -> Path:
        return self.repository.path

    def refs(self, moment: float | None = None) -> dict[str, str]:
        """Return every ref as it is, or as it was at a moment of the monotonic clock."""
        return self._past.at("refs", moment, read_refs(self.repository.path))

    def had(self, sha: str, moment: float | None) -> bool:
        """Say whether a commit was there at that moment, as far as a ref was moved to it."""
        return moment is None or self._arrivals.get(sha, moment) <= moment

    def moved(self, before: dict[str, str]) -> list[RefChange]:
        """Return what changed since the refs were *before*, and notify the watchers."""
        changes = compare_refs(before, self.refs())
        if changes:
            self._past.note("refs", before)
        for change in changes:
            self._arrivals.setdefault(change.after, time.monotonic())
            for watcher in self.watchers:
                watcher(self.repository, change)
        return changes

    def branch_head(self, branch: str) -> str | None:
        return self.refs().get(HEADS + branch)


class Repositories:
    """Every repository, found by id or by its name in any case."""

    def __init__(self, directory: Path, url: str, clock: Callable[[], float]) -> None:
        self.watchers: list[RefWatcher] = []
        self._directory = directory
        self._url = url
        self._clock = clock
        self._ids = itertools.count(700_001)
        self._by_name: dict[str, Hosted] = {}
        self._formerly: dict[str, Hosted] = {}

    def add(self, full_name: str, *, private: bool, default_branch: str) -> Hosted:
        """Create the bare repository with one commit on its default branch."""
        if self.find(full_name) is not None:
            raise ValueError(f"{full_name} exists")
        number = next(self._ids)
        path = self._directory / f"{full_name.lower()}.git"
        if path.exists():  # of a repository that had this name before
            path = path.with_name(f"{path.stem}-{number}.git")
        repository = Repository(
            id=number,
            full_name=full_name,
            private=private,
            default_branch=default_branch,
            path=path,
            clone_url=f"{self._url}/{full_name}.git",
        )
        _initialize(repository)
        now = self._clock()
        hosted = Hosted(repository, created_at=now, pushed_at=now, watchers=self.watchers)
        self._by_name[full_name.lower()] = hosted
        self._formerly.pop(full_name.lower(), None)
        readme = {"README.md": f"# {repository.name}\n"}
        self.commit(hosted, default_branch, readme, "Initial commit")
        return hosted

    def find(self, full_name: str) -> Hosted | None:
        return self._by_name.get(full_name.lower())

    def formerly(self, full_name: str) -> Hosted | None:
        """Return the repository that had this name until it was renamed or transferred."""
        return self._formerly.get(full_name.lower())

    def move(self, hosted: Hosted, full_name: str) -> None:
        """Give the repository another name or owner; the old name redirects to it."""
        if self.find(full_name) not in (None, hosted):
            raise ValueError(f"{full_name} exists")
        old = hosted.repository
        clone_url = f"{self._url}/{full_name}.git"
        hosted.repository = replace(old, full_name=full_name, clone_url=clone_url)
        del self._by_name[old.full_name.lower()]
        self._formerly[old.full_name.lower()] = hosted
        self._formerly.pop(full_name.lower(), None)
        self._by_name[full_name.lower()] = hosted

    def of(self, login: str) -> list[Hosted]:
        """Return an account's repositories."""
        return [one for one in self.all() if one.repository.owner.lower() == login.lower()]

    def find_by_id(self, repository_id: int) -> Hosted | None:
        return next((one for one in self.all() if one.repository.id == repository_id), None)

    def all(self) -> list[Hosted]:
        return sorted(self._by_name.copy().values(), key=lambda hosted: hosted.repository.id)

    def commit(
        self, hosted: Hosted, branch: str, files: Mapping[str, str | None], message: str
    ) -> str:
        """Commit on the server; a new branch starts from the default branch."""
        with hosted.lock:
            refs = hosted.refs()
            parent = refs.get(HEADS + branch, refs.get(HEADS + hosted.repository.default_branch))
            now = self._clock()
            history.write_commit(hosted.path, branch, parent, files, message, at=int(now))
            hosted.pushed_at = now
            hosted.moved(refs)
            return hosted.refs()[HEADS + branch]


def _initialize(repository: Repository) -> None:
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (repository.path / folder).mkdir(parents=True)
    (repository.path / "HEAD").write_text(f"ref: {HEADS}{repository.default_branch}\n")
    (repository.path / "config").write_text(CONFIG)
