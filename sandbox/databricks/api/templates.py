"""Make clones of a repository on the same disk quickly: git makes one, the others are copies."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from sandbox.databricks.git import refs
from sandbox.databricks.git.git import Git

# Copies differ from the index in inode and ctime, which must not look like an edit.
CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = true
\tcheckStat = minimal
\ttrustctime = false
[remote "origin"]
\turl = "{url}"
\tfetch = +refs/heads/*:refs/remotes/origin/*
[branch "{branch}"]
\tremote = origin
\tmerge = refs/heads/{branch}
"""


@dataclass(frozen=True)
class Wanted:
    """What a new clone is to be."""

    source: Path  # a bare repository
    branch: str
    at: str | None = None  # an older commit of the branch
    tag: str | None = None  # checked out in place of the branch

    @property
    def tip(self) -> str | None:
        """Return where the branch or tag is now: an older template is of no use."""
        ref = f"refs/tags/{self.tag}" if self.tag else f"refs/heads/{self.branch}"
        return self.at or refs.resolve(self.source, ref)

    @property
    def refspec(self) -> tuple[str, str]:
        """Return what to fetch, and the ref that it becomes."""
        if self.tag:
            ref = f"refs/tags/{self.tag}"
            return f"+{ref}:{ref}", ref
        ref = f"refs/remotes/origin/{self.branch}"
        return f"+{self.at or f'refs/heads/{self.branch}'}:{ref}", ref


class Templates:
    """The clones that others are copied from."""

    def __init__(self, git: Git, directory: Path) -> None:
        self._git = git
        self._directory = directory
        self._made: dict[tuple[Wanted, str | None], Path] = {}
        self._lock = threading.Lock()

    def copy(self, wanted: Wanted, target: Path, *, url: str) -> None:
        """Make the clone *target*, whose remote is *url*."""
        template = self._template(wanted)
        shutil.copytree(template, target, copy_function=_link_or_copy, symlinks=True)
        _configure(target, url, wanted.branch)

    def _template(self, wanted: Wanted) -> Path:
        key = (wanted, wanted.tip)
        with self._lock:
            if key not in self._made:
                self._made[key] = self._make(wanted)
            return self._made[key]

    def _make(self, wanted: Wanted) -> Path:
        if wanted.tip is None:
            raise ValueError(f"{wanted.source} has no {wanted.tag or wanted.branch}")
        clone = self._directory / str(len(self._made))
        git_directory = clone / ".git"
        for name in ("objects", "refs/heads"):
            (git_directory / name).mkdir(parents=True)
        (git_directory / "HEAD").write_text(f"ref: refs/heads/{wanted.branch}\n")
        _configure(clone, str(wanted.source), wanted.branch)
        refspec, start = wanted.refspec
        checkout = ("--detach",) if wanted.tag else ("-B", wanted.branch)
        fetch = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", refspec)
        self._git.run(clone, *fetch, settings={"fetch.unpackLimit": "1"})
        self._git.run(clone, "checkout", "--quiet", *checkout, start, "--")
        return clone


def _configure(clone: Path, url: str, branch: str) -> None:
    quoted = url.replace("\\", "\\\\").replace('"', '\\"')
    text = CONFIG.format(url=quoted, branch=branch)
    (clone / ".git" / "config").write_text(text, encoding="utf-8")


def _link_or_copy(source: str, target: str) -> None:
    """Share git's objects, which are never rewritten; copy everything else."""
    if f"{os.sep}.git{os.sep}objects{os.sep}" in source:
        os.link(source, target)
    else:
        shutil.copy2(source, target)
