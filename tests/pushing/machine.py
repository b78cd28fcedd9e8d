"""A developer's machine for real pushes: a clone, its remote, and a workspace with Git folders."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pushing.programs import git, wait_until
from pushing.workspace import URL, Workspace

from hooks.foreground.parent_process import processes
from hooks.results.store import Result, Results

# git's own ssh transport, with the other side on this machine.
SSH = """#!/bin/sh
for command; do :; done
cd "{remotes}" || exit 1
service=${{command%% *}} path=${{command#* }}
case "$service" in
  git-upload-pack) if [ -e ../unreadable ]; then echo "Permission denied" >&2; exit 128; fi ;;
esac
exec sh -c "git ${{service#git-}} $(echo "$path" | sed "s#^'/#'#")"
"""
AUTHORS = {
    "GIT_AUTHOR_NAME": "dev",
    "GIT_AUTHOR_EMAIL": "dev@octo.org",
    "GIT_COMMITTER_NAME": "dev",
    "GIT_COMMITTER_EMAIL": "dev@octo.org",
}
RAW_HOOK = '#!/bin/sh\nexec "{python}" -I -m brickpush promote-after-push "$@"\n'


@dataclass
class Machine:
    """One developer's machine, with a clone whose pre-push hook is ours."""

    root: Path
    remote: Path
    workspace: Workspace
    environ: dict[str, str] = field(default_factory=dict)

    wait = staticmethod(wait_until)

    @property
    def clone(self) -> Path:
        return self.root / "clone"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def results(self) -> list[Result]:
        return Results(self.state).all()

    def git(self, *arguments: str, directory: Path | None = None) -> str:
        return git(directory or self.clone, *arguments, environ=self.environ)

    def commit(self, message: str = "change", directory: Path | None = None) -> str:
        """Make a commit and return its id."""
        self.git("commit", "--quiet", "--allow-empty", "-m", message, directory=directory)
        return self.git("rev-parse", "HEAD", directory=directory)

    def push(
        self, *arguments: str, directory: Path | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `git push`; both streams are in stdout."""
        return subprocess.run(
            ("git", "push", *arguments),
            cwd=directory or self.clone,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def mirror(self, url: str) -> Path:
        """Make an empty repository on this machine that *url*, in the scp-like form, leads to."""
        path = self.root / "remotes" / url.partition(":")[2]
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--bare", "-b", "main", directory=path)
        return path

    def hook(self, text: str, name: str = "pre-push", directory: Path | None = None) -> None:
        """Install a git hook."""
        path = (directory or self.clone / ".git") / "hooks" / name
        path.write_text(text)
        path.chmod(0o755)

    def ended(self, count: int = 1) -> dict[str, Result]:
        """Wait until *count* refs have ended, and return their results by branch."""

        def all_ended() -> bool:
            results = self.results
            return len(results) >= count and all(result.state.ended for result in results)

        wait_until(all_ended, f"{count} ended results")
        return {result.branch: result for result in self.results}

    def processes(self) -> list[int]:
        """Return the pids of the children that the hook has left behind on this machine."""
        state = str(self.state)
        return [
            pid
            for pid, (_, _, command) in processes(self.environ).items()
            if "background" in command and command[-1].startswith(state)
        ]

    def settled(self) -> list[Result]:
        """Wait until the kernel has freed a killed child's locks, and settle its results."""
        found: list[Result] = []
        wait_until(lambda: found.extend(Results(self.state).settle()) or found, "a settled result")
        return found

    def kill_children(self) -> None:
        """End every child at once, as `kill -9` does, and wait until they are gone."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.processes(), "the children's end")


@contextlib.contextmanager
def a_machine(root: Path) -> Iterator[Machine]:
    """Yield a clone of octo-org/etl with a first commit and without hooks."""
    remote = root / "remotes" / "octo-org" / "etl.git"
    remote.mkdir(parents=True)
    workspace = Workspace(remote)
    thread = threading.Thread(target=workspace.server.serve_forever, args=(0.01,))
    thread.start()
    machine = Machine(root, remote, workspace, an_environ(root, workspace))
    try:
        machine.git("init", "--quiet", "--bare", "-b", "main", directory=remote)
        ssh = root / "ssh"
        ssh.write_text(SSH.format(remotes=root / "remotes"))
        ssh.chmod(0o755)
        machine.clone.mkdir()
        machine.git("init", "--quiet", "-b", "main")
        machine.git("config", "core.sshCommand", str(ssh))
        machine.git("config", "ssh.variant", "simple")
        machine.git("remote", "add", "origin", URL)
        machine.commit("first")
        machine.git("push", "--quiet", "-u", "origin", "main")
        yield machine
    finally:
        workspace.answering.set()
        machine.kill_children()
        workspace.server.shutdown()
        workspace.server.server_close()
        thread.join()


def an_environ(root: Path, workspace: Workspace) -> dict[str, str]:
    """Return the environment of a developer who has an identity for one workspace."""
    home = root / "home"
    home.mkdir()
    # No process after every commit and push, and no wait for the disk.
    (home / ".gitconfig").write_text("[maintenance]\nauto = false\n[core]\nfsync = none\n")
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return {
        **kept,
        **pip,
        "HOME": str(home),
        "BRICKPUSH_STATE_DIR": str(root / "state"),
        "DATABRICKS_HOST": workspace.url,
        "DATABRICKS_TOKEN": "dapi" + "1" * 32,
        **AUTHORS,
        "GIT_CONFIG_NOSYSTEM": "1",
    }
