"""Find the repository of a push, under every name that Git folders may use for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hooks.pushed.ssh_alias import real_host
from hooks.system.git import Git, GitError
from promotion.errors import ConfigError
from promotion.repository_url import RepositoryKey, repository_key


@dataclass(frozen=True)
class PushedRepository:
    """The repositories that are known to have the pushed commit; the first is the one to show."""

    keys: tuple[RepositoryKey, ...]
    behind: str = ""  # in words: the one fetched from, and why it is not among them
    separate: str = ""  # in words: another one that the same `git push` goes to


def names_of(url: str, git: Git) -> tuple[RepositoryKey, ...]:
    """Return the keys of a URL: as written and as ssh resolves it; none for a local path."""
    key = repository_key(url)
    if key is None:
        return ()
    host = real_host(url, git)
    real = repository_key(f"ssh://{host}/{key.full_name}") if host else None
    return (key, real) if real and real != key else (key,)


def required_names(url: str, git: Git) -> tuple[RepositoryKey, ...]:
    """Return the keys of a URL; raise ConfigError where it is no repository of a host."""
    names = names_of(url, git)
    if not names:
        raise ConfigError("the remote is no repository of a host: give --url https://HOST/ORG/NAME")
    return names


def read_elsewhere(git: Git, url: str, remote: str) -> tuple[RepositoryKey, ...]:
    """Return the repository that *remote* is fetched from, where it is not the one at *url*.

    `url.BASE.pushInsteadOf` and `remote.NAME.pushUrl` may send pushes to a mirror of the
    repository that Git folders follow.
    """
    fetched = git.fetch_url(remote)
    if fetched is None or fetched == url:
        return ()
    pushed_to = names_of(url, git)
    return tuple(key for key in names_of(fetched, git) if key not in pushed_to)


def pushed_repository(git: Git, *, url: str, remote: str, ref: str, after: str) -> PushedRepository:
    """Return the repositories that have *after*, after a push to *url* of a remote.

    The one that the remote is fetched from counts only once it reports the commit itself.
    """
    keys = names_of(url, git)
    try:
        others = read_elsewhere(git, url, remote)
        if not others:
            return PushedRepository(keys)
        found = git.ls_remote(remote, ref)
    except GitError as exc:
        return PushedRepository(
            keys, f"the repository that the remote is fetched from could not be asked: {exc}"
        )
    if found is not None and (found == after or git.is_ancestor(after, found)):
        return PushedRepository((*keys, *others))
    state = f"is at {found[:7]}, not at {after[:7]}" if found else f"has no {ref}"
    return PushedRepository(keys, f"{in_words(others)}, which the remote is fetched from, {state}")


def one_of_several(git: Git, *, url: str, remote: str) -> str:
    """Return, in words, the repository that a remote is fetched from, if it is also pushed to.

    git calls the hook for each push URL, so that repository is promoted separately.
    """
    try:
        others = read_elsewhere(git, url, remote)
        pushed_to = {key for each in git.push_urls(remote) for key in names_of(each, git)}
    except GitError:
        return ""
    return in_words(others) if pushed_to & set(others) else ""


def in_words(keys: Iterable[RepositoryKey]) -> str:
    """Return repositories with their hosts for a message. Pure."""
    return " or ".join(f"{key.host}/{key.full_name}" for key in keys)
