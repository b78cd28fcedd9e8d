"""What the stand-ins contain at the start: repositories, branches and Git folders. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

ORGANIZATION = "octo-org"
MAIN = "octo-org/etl"
REPOSITORIES = (MAIN, "octo-org/ml", "octo-org/dashboards", "octo-org/library")
BRANCHES = ("main", "dev", "release/1.0")
DIRTY = "/Repos/grace/etl"  # somebody edited a file here, and did not commit
TAG = "v1.0"
EDITED_FILE = "jobs/daily.py"
PEOPLE = (
    *("ada", "alan", "barbara", "dennis", "donald", "edsger", "frances", "grace"),
    *("jean", "john", "karen", "ken", "linus", "margaret"),
)


@dataclass(frozen=True)
class Seed:
    """One Git folder to make."""

    workspace: str
    path: str
    repository: str
    branch: str
    git_cli: bool = False
    tag: str | None = None


def seeds() -> tuple[Seed, ...]:
    """Return 60 Git folders: 28 follow the main repository's main branch, 32 must not move."""
    return (*_dev(), *_prod())


def _dev() -> Iterator[Seed]:
    for person in PEOPLE:
        yield Seed("dev", f"/Repos/{person}/etl", MAIN, "main")
    for place, person in enumerate(PEOPLE[:6]):
        path = f"/Users/{person}@octo.example/etl"
        yield Seed("dev", path, MAIN, "main", git_cli=place < 2)
    yield Seed("dev", "/Shared/etl", MAIN, "main")
    for person in PEOPLE[:4]:
        yield Seed("dev", f"/Repos/{person}/etl-dev", MAIN, "dev")
    yield Seed("dev", "/Shared/etl-release", MAIN, "release/1.0")
    for count, repository in zip((5, 4, 3), REPOSITORIES[1:], strict=True):
        for person in PEOPLE[:count]:
            yield Seed("dev", f"/Repos/{person}/{_name(repository)}", repository, "main")


def _prod() -> Iterator[Seed]:
    for number in range(1, 8):
        yield Seed("prod", f"/Repos/Production/etl-{number}", MAIN, "main")
    for number in range(1, 4):
        yield Seed("prod", f"/Repos/Release/etl-{number}", MAIN, "release/1.0")
    yield Seed("prod", "/Repos/Release/etl-fixed", MAIN, "main", tag=TAG)
    yield Seed("prod", "/Shared/etl-dev", MAIN, "dev")
    for count, repository in zip((4, 4, 2), REPOSITORIES[1:], strict=True):
        for number in range(1, count + 1):
            path = f"/Repos/Production/{_name(repository)}-{number}"
            yield Seed("prod", path, repository, "main")


def _name(repository: str) -> str:
    return repository.partition("/")[2]


def spelled(url: str, number: int) -> str:
    """Return *url* as some person would type it: Databricks stores what was typed."""
    plain = url.removesuffix(".git")
    scheme, _, rest = plain.partition("://")
    forms = (url, plain, f"{plain}/", f"{scheme}://octocat@{rest}.git", _upper(plain))
    return forms[number % len(forms)]


def _upper(url: str) -> str:
    start, _, name = url.rpartition("/")
    return f"{start}/{name.upper()}.git"
