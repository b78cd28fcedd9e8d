"""Install the promotion after every push as a git hook beside other hooks, not by pre-commit."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

from hooks.system.git import Git
from promotion.errors import ConfigError

CONFIGURED_HOOKS = (2, 54)  # since then, git runs hook.<name>.command beside the hook's file
SECTION = "hook.brickpush"
MARK = "# Written by `git promote install`; `git promote uninstall` removes it."
CHAINED = "pre-push.before-brickpush"
# The previous hook runs first, gets the same arguments and input, and may still stop the push.
SCRIPT = """\
#!/bin/sh
{mark}
refs=$(cat)
refs() {{ [ -z "$refs" ] || printf '%s\\n' "$refs"; }}
before="$(dirname "$0")/{chained}"
if [ -x "$before" ]; then
    refs | "$before" "$@" || exit
fi
refs | {command} "$@"
exit 0
"""


def hook_command() -> str:
    """Return the command that git runs; -I keeps it from importing a repository's own hooks/."""
    return f"{shlex.quote(sys.executable)} -I -m brickpush promote-after-push"


def install(git: GitSettings) -> str:
    """Promote after every push of this repository from now on; return what was done."""
    if git.top_level() is None:
        raise ConfigError(f"{git.directory} is not in a git repository with a work tree")
    if git.version() >= CONFIGURED_HOOKS:
        git.set(f"{SECTION}.command", hook_command())
        git.set(f"{SECTION}.event", "pre-push")
        return f"git runs it as {SECTION}, beside other hooks"
    if shared := git.config("core.hooksPath"):
        raise ConfigError(
            f"core.hooksPath is {shared}, which other repositories or people may share: "
            f'add this line to its pre-push hook yourself: {hook_command()} "$@"'
        )
    return _write(git.hooks_path())


def uninstall(git: GitSettings) -> str:
    """Undo `install`, and restore the previous hook; return what was done."""
    if git.top_level() is None:
        raise ConfigError(f"{git.directory} is not in a git repository with a work tree")
    done = []
    if git.config(f"{SECTION}.command"):
        git.remove_section(SECTION)
        done.append(f"removed {SECTION} from git's configuration")
    hook, chained = git.hooks_path() / "pre-push", git.hooks_path() / CHAINED
    if _ours(hook) and chained.exists():
        chained.replace(hook)
        done.append(f"put the previous hook back to {hook}")
    elif _ours(hook):
        hook.unlink()
        done.append(f"removed {hook}")
    return "; ".join(done) or "it was not installed here"


def installed(git: GitSettings) -> bool:
    """Return whether the hook is installed in this repository."""
    return bool(git.config(f"{SECTION}.command")) or _ours(git.hooks_path() / "pre-push")


def _write(directory: Path) -> str:
    hook, chained = directory / "pre-push", directory / CHAINED
    script = SCRIPT.format(mark=MARK, chained=CHAINED, command=hook_command())
    directory.mkdir(parents=True, exist_ok=True)
    words = f"wrote {hook}"
    if hook.exists() and not _ours(hook):
        if chained.exists():
            raise ConfigError(f"{hook} and {chained} both exist: remove the one that is not needed")
        hook.rename(chained)
        words += f"; the previous hook is {chained.name}, and runs first"
    draft = hook.with_name("pre-push.draft")
    draft.write_text(script, encoding="utf-8", newline="\n")
    draft.chmod(0o755)
    draft.replace(hook)
    return words


def _ours(hook: Path) -> bool:
    try:
        return MARK in hook.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


class GitSettings(Git):
    """Git with the calls that read its version and change a repository's configuration."""

    def version(self) -> tuple[int, int]:
        """Return git's major and minor version."""
        found = re.search(r"(\d+)\.(\d+)", self._text("version"))
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def set(self, name: str, value: str) -> None:
        """Set a value for this repository only."""
        self._text("config", "--local", name, value)

    def remove_section(self, name: str) -> None:
        """Remove a section of this repository's configuration."""
        self._text("config", "--local", "--remove-section", name)
