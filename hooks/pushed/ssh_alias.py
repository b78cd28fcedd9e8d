"""Resolve an ssh host alias, such as people with two GitHub accounts use."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

from hooks.system.environment_variables import home
from hooks.system.git import Git
from hooks.system.programs import find_program, run_program

SECONDS = 5.0
# Public host names, which are no aliases and need not be resolved.
WELL_KNOWN = {
    "github.com",
    "ssh.github.com",
    "gitlab.com",
    "altssh.gitlab.com",
    "bitbucket.org",
    "altssh.bitbucket.org",
    "ssh.dev.azure.com",
}
_SCP = re.compile(r"(?P<target>[^:/\s]+):[^/].*|(?P<rooted>[^:/\s]+):/.*")
# Matches nothing that ssh would take for an option.
_TARGET = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9_][A-Za-z0-9._-]*")
_SHELL = set("$`|&;<>(){}*?\n\\")


def real_host(url: str, git: Git) -> str | None:
    """Return the host that ssh would connect to for *url*, where it is another one.

    `ssh -G` prints its settings and does not connect. The answer only selects Git folders; no
    token is sent to that host.
    """
    target = ssh_target(url)
    if target is None or target.rpartition("@")[2].casefold() in WELL_KNOWN:
        return None
    directory = home(git.environ)
    for command in _commands(git):
        answer = run_program((*command, "-G", target), git.environ, directory, SECONDS)
        found = re.search(r"^hostname ([A-Za-z0-9._-]+)$", answer.output, re.MULTILINE)
        if answer.code == 0 and found and found[1] != target.rpartition("@")[2]:
            return found[1]
    return None


def ssh_target(url: str) -> str | None:
    """Return "user@host" of an ssh URL, and None for any other. Pure."""
    if "://" in url:
        try:
            split = urlsplit(url)
        except ValueError:
            return None
        if split.scheme != "ssh":
            return None
        user, at, host = split.netloc.rpartition("@")
        target = f"{user.partition(':')[0]}{at}{host.partition(':')[0]}"
    else:
        found = _SCP.fullmatch(url)
        target = (found["target"] or found["rooted"]) if found else ""
    return target if _TARGET.fullmatch(target) else None


def _commands(git: Git) -> list[list[str]]:
    """Return the configured ssh command with its options, then plain ssh."""
    environ = git.environ
    variant = environ.get("GIT_SSH_VARIANT") or git.config("ssh.variant") or "auto"
    configured = environ.get("GIT_SSH_COMMAND") or git.config("core.sshCommand") or ""
    found = []
    if variant in ("auto", "ssh") and configured and not _SHELL & set(configured):
        found.append(_words(configured, home(environ)))
    found.append(["ssh"])
    commands = []
    for program, *options in filter(None, found):
        name = Path(program).name.casefold().removesuffix(".exe")
        path = program if Path(program).is_absolute() else find_program(program, environ)
        if name == "ssh" and path:
            commands.append([path, *options])
    return commands


def _words(command: str, directory: Path) -> list[str]:
    """Return the words of a command, split as the shell that git runs it in does."""
    try:
        words = shlex.split(command)
    except ValueError:
        return []
    return [str(directory / word[2:]) if word.startswith("~/") else word for word in words]
