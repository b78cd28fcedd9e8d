"""Distinguish a run that had nothing to move from one that found no Git folder. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from hooks.pushed.branch_name import did_you_mean
from hooks.pushed.repository import PushedRepository, in_words
from hooks.workspaces.run import Run
from hooks.workspaces.tally import git_folders
from promotion.model import GitFolder, Push
from promotion.repository_url import repository_key

GITHUB = "github.com"  # a repository there may have no Git folder without any mistake


def hosts_of(folders: Iterable[GitFolder]) -> tuple[str, ...]:
    """Return the hosts of the Git folders' repositories, the most frequent first."""
    keys = (repository_key(folder.url) for folder in folders)
    return tuple(host for host, _ in Counter(key.host for key in keys if key).most_common())


def judged(run: Run, push: Push, repository: PushedRepository) -> Run:
    """Return the run, with a note or a problem where no Git folder follows the pushed branch.

    It is a problem where no Git folder has the repository's host, which is then an ssh alias, a
    mirror or a typing error, and where it is not known whether the branch exists. The run is
    returned as it is where a workspace could not be read: it may have such Git folders.
    """
    decisions = [decision for report in run.reports for decision in report.decisions]
    unread = run.problem or not run.reports or any(report.problem for report in run.reports)
    if unread or any(decision.folder.branch == push.branch for decision in decisions):
        return run
    if not decisions:
        return _of_no_folder(run, push, repository)
    others = git_folders(len(decisions))
    words = f"no Git folder follows {push.branch} ({push.repository} has {others})"
    return _of_no_follower(run, push, words)


def _of_no_folder(run: Run, push: Push, repository: PushedRepository) -> Run:
    words = f"no Git folder has {in_words(repository.keys)} as its repository"
    if repository.behind:
        words += f"; {repository.behind}"
    if repository.separate:
        words += f"; {repository.separate} is promoted separately"
    if repository.separate or any(key.host in (GITHUB, *run.hosts) for key in repository.keys):
        return _of_no_follower(run, push, words)
    hosts = f"are at {', '.join(run.hosts)}" if run.hosts else "are none"
    words = f"{words}: those of your workspaces {hosts}"
    key = repository.keys[0]
    step = (
        f"if {key.host} is another name of one of these hosts, or a mirror, "
        f"run `git promote --url https://HOST/{key.full_name} --branch {push.branch}`"
    )
    return replace(run, problem=words, next_step=step)


def _of_no_follower(run: Run, push: Push, words: str) -> Run:
    if push.after:
        return replace(run, note=words)
    return replace(
        run,
        problem=f"{words}, and git could not ask whether there is a branch {push.branch}",
        next_step=f"check the branch's name{did_you_mean(push.branch or '')}",
    )
