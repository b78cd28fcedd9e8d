"""Commits: write them with one git process, read them with one git process."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.github.git import git

FORMAT = "%m%x00%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x00"
FIELD_COUNT = FORMAT.count("%x00")
LOG = (
    "log",
    "-z",
    "--name-status",
    "--no-renames",
    "--diff-merges=first-parent",
    "--left-right",
    "--topo-order",
    f"--format={FORMAT}",
)
ABBREVIATED_SHA = re.compile(r"[0-9a-f]{4,40}")


@dataclass(frozen=True)
class Signature:
    """Who, and when in ISO 8601."""

    name: str
    email: str
    date: str


@dataclass(frozen=True)
class Commit:
    """One commit, with the files it changed against its first parent."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    modified: tuple[str, ...]
    on_left: bool  # only reachable from the left side of a "left...right" range


def read_commits(repository: Path, *revisions: str) -> list[Commit]:
    """Return the commits that git's *revisions* select, newest first."""
    return list(_parse(git.run(repository, *LOG, *revisions, "--")))


def _parse(log: bytes) -> Iterator[Commit]:
    tokens = log.decode(errors="replace").split("\0")
    at = 0
    while at + FIELD_COUNT < len(tokens):
        fields = tokens[at : at + FIELD_COUNT]
        at += FIELD_COUNT + 1
        files: dict[str, list[str]] = {"A": [], "D": [], "M": []}
        while at < len(tokens) and (status := tokens[at].strip("\n")) in ("A", "D", "M", "T"):
            files["M" if status == "T" else status].append(tokens[at + 1])
            at += 2
        yield Commit(
            sha=fields[1],
            tree=fields[2],
            parents=tuple(fields[3].split()),
            author=Signature(*fields[4:7]),
            committer=Signature(*fields[7:10]),
            message=fields[10].rstrip("\n"),
            added=tuple(files["A"]),
            removed=tuple(files["D"]),
            modified=tuple(files["M"]),
            on_left=fields[0] == "<",
        )


def find_commit(repository: Path, name: str) -> str | None:
    """Return the full sha of the commit that a sha, perhaps shortened, names."""
    if not ABBREVIATED_SHA.fullmatch(name):
        return None
    return peel(repository, name)


def peel(repository: Path, sha: str) -> str | None:
    """Return the commit that *sha*, perhaps an annotated tag, points at."""
    try:
        found = git.run(repository, "rev-parse", "--verify", "--quiet", f"{sha}^{{commit}}")
    except git.GitError:
        return None
    return found.decode().strip()


def write_commit(
    repository: Path,
    branch: str,
    parent: str | None,
    files: Mapping[str, str | None],
    message: str,
    *,
    at: int,
) -> None:
    """Add one commit to *branch*; a file whose content is None is removed."""
    signature = f"{git.AUTHOR} <{git.EMAIL}> {at} +0000"
    lines = [
        f"commit refs/heads/{branch}\nauthor {signature}\ncommitter {signature}\n".encode(),
        _data(message),
    ]
    if parent is not None:
        lines.append(f"from {parent}\n".encode())
    for path, content in files.items():
        if content is None:
            lines.append(f"D {_quoted(path)}\n".encode())
        else:
            lines += [f"M 100644 inline {_quoted(path)}\n".encode(), _data(content)]
    lines.append(b"done\n")
    git.run(repository, "fast-import", "--quiet", "--done", stdin=b"".join(lines))


def _data(text: str) -> bytes:
    content = text.encode()
    return b"data %d\n%s\n" % (len(content), content)


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
