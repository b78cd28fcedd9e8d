"""The demo: a real push, Git folders that follow, the check run, and a failure explained."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.markdown import Markdown
from rich.panel import Panel
from rich.table import Table

from sandbox import world
from sandbox.github.state.check_runs import CheckRun
from sandbox.sandbox import Sandbox, open_sandbox

PATIENCE = 50.0  # seconds for one push to reach every Git folder
START_SECONDS = 30.0
STOP_SECONDS = 15.0
MARKS = {"success": "green", "failure": "red", "action_required": "yellow"}


class DemoFailedError(Exception):
    """The demo did not complete."""


def run() -> int:
    """Show the loop, and leave nothing behind. Return the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an ASCII terminal has no such lines
    console = Console(highlight=False)
    # git may still be writing in a Git folder when everything is stopped.
    with tempfile.TemporaryDirectory(prefix="brickpush-", ignore_cleanup_errors=True) as name:
        try:
            last_line = _story(Path(name), console)
        except DemoFailedError as exc:
            console.print(f"demo failed: {exc}", markup=False)
            return 1
    console.print(last_line, markup=False, soft_wrap=True)
    return 0


def _story(directory: Path, console: Console) -> str:
    _say(console, "1", "A stand-in GitHub, Entra ID and two Databricks workspaces start here.")
    with open_sandbox(directory / "sandbox") as sandbox, _service(sandbox) as url:
        sandbox.github.hook_url = f"{url}/webhooks/github"
        console.print(_numbers(sandbox))
        developer = _Developer(sandbox, directory / "etl")
        _say(console, "2", "A developer commits to main and pushes, as every day.")
        first = developer.push("rows = 2\n", "Double the rows", console)
        _follow(sandbox, first, console)
        _say(console, "3", "What GitHub shows on the commit:")
        for check in _checks(sandbox, first):
            console.print(_as_on_github(check))
        _say(console, "4", f"{world.DIRTY} was edited in Databricks, so it was left alone.")
        console.print("   Its owner does what the report says: discards the edit. Then:")
        sandbox.workspace("dev").write_file(world.DIRTY, world.EDITED_FILE, "rows = 1\n")
        second = developer.push("rows = 3\n", "Triple the rows", console)
        _follow(sandbox, second, console)
        there, following = _count(sandbox, second)
        if there != following:
            raise DemoFailedError(f"only {there} of {following} Git folders are at {second[:7]}")
        return f"demo: {there} of {following} Git folders at {second}"


def _say(console: Console, number: str, text: str) -> None:
    console.print(f"\n[bold]{number}. {text}[/bold]")


def _numbers(sandbox: Sandbox) -> str:
    folders = sum(len(workspace.folders()) for workspace in sandbox.workspaces)
    follow = _following()
    users = sum(seed.path.startswith("/Users/") for seed in follow)
    git_cli = sum(seed.git_cli for seed in follow)
    return (
        f"   {len(sandbox.workspaces)} workspaces, {folders} Git folders, "
        f"{len(world.REPOSITORIES)} repositories.\n"
        f"   {len(follow)} Git folders follow main of {world.MAIN}: "
        f"{users} of them under /Users, {git_cli} with the Git CLI on."
    )


@contextlib.contextmanager
def _service(sandbox: Sandbox) -> Iterator[str]:
    """Run `brickpush serve` against the sandbox; yield its address."""
    command = (sys.executable, "-I", "-m", "brickpush", "serve")
    arguments = ("--config", str(sandbox.config_path), "--port", "0")
    with (sandbox.directory / "service.log").open("wb") as log:
        process = subprocess.Popen((*command, *arguments), stdout=subprocess.PIPE, stderr=log)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        if not line.startswith("brickpush: listening on "):
            told = (sandbox.directory / "service.log").read_text(errors="replace")
            raise DemoFailedError(f"the service did not start: {told[-2000:]}")
        yield line.split()[-1]
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=STOP_SECONDS)
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


class _Developer:
    """Somebody with a clone of the main repository."""

    def __init__(self, sandbox: Sandbox, directory: Path) -> None:
        self._directory = directory
        # The password reaches git by the environment: arguments can be read by everybody.
        basic = base64.b64encode(f"ada:{sandbox.user_token}".encode()).decode()
        self._environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "HOME": str(directory.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_SSL_CAINFO": str(sandbox.certificate.ca_path),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_COUNT": "3",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
            "GIT_CONFIG_KEY_1": "user.name",
            "GIT_CONFIG_VALUE_1": "Ada",
            "GIT_CONFIG_KEY_2": "user.email",
            "GIT_CONFIG_VALUE_2": "ada@octo.example",
        }
        url = sandbox.github.repository(world.MAIN).clone_url
        self._run("git", "clone", "-q", url, str(directory), cwd=directory.parent)

    def push(self, text: str, message: str, console: Console) -> str:
        """Change the daily job, commit, push; return the commit."""
        (self._directory / world.EDITED_FILE).write_text(text)
        for arguments in (("commit", "-q", "-a", "-m", message), ("push", "origin", "main")):
            console.print(f"   $ git {' '.join(arguments)}", markup=False)
            for line in self._run("git", *arguments, cwd=self._directory).splitlines():
                console.print(f"   {line}", markup=False, style="dim")
        return self._run("git", "rev-parse", "HEAD", cwd=self._directory).strip()

    def _run(self, *command: str, cwd: Path) -> str:
        ran = subprocess.run(
            command, cwd=cwd, env=self._environ, capture_output=True, text=True, check=False
        )
        if ran.returncode:
            raise DemoFailedError(f"{' '.join(command[:2])} failed: {ran.stderr}")
        return ran.stdout + ran.stderr


def _following() -> list[world.Seed]:
    return [
        seed
        for seed in world.seeds()
        if (seed.repository, seed.branch, seed.tag) == (world.MAIN, "main", None)
    ]


def _count(sandbox: Sandbox, sha: str) -> tuple[int, int]:
    heads = {
        (workspace.name, folder.path): folder.head_commit_id
        for workspace in sandbox.workspaces
        for folder in workspace.folders()
    }
    following = _following()
    return sum(heads[seed.workspace, seed.path] == sha for seed in following), len(following)


def _checks(sandbox: Sandbox, sha: str) -> list[CheckRun]:
    return [check for check in sandbox.github.check_runs if check.head_sha == sha]


def _ended(sandbox: Sandbox, sha: str) -> bool:
    completed = [check for check in _checks(sandbox, sha) if check.status == "completed"]
    return len(completed) == len(sandbox.workspaces)


def _follow(sandbox: Sandbox, sha: str, console: Console) -> None:
    """Show the Git folders, group by group, until the commit's check runs are complete."""
    if not console.is_terminal:  # a Live display leaves half a line behind where there is none
        _wait(lambda: _ended(sandbox, sha), lambda: None)
        console.print(_table(sandbox, sha))
        return
    with Live(_table(sandbox, sha), console=console, auto_refresh=False) as live:

        def show() -> None:
            live.update(_table(sandbox, sha), refresh=True)

        _wait(lambda: _ended(sandbox, sha), show)
        show()


def _wait(ended: Callable[[], bool], show: Callable[[], None]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ended():
        if time.monotonic() > deadline:
            raise DemoFailedError(f"the check runs were not complete within {PATIENCE:g} s")
        show()
        time.sleep(0.1)


def _table(sandbox: Sandbox, sha: str) -> Table:
    """Return a line for each group of Git folders: repository and branch in a workspace."""
    table = Table(box=None, padding=(0, 1))
    for title in ("", "workspace", "repository", "follows", "Git folders", ""):
        table.add_column(title, no_wrap=True)
    for workspace in sandbox.workspaces:
        groups: dict[tuple[str, str], list[bool]] = {}
        for folder in workspace.folders():
            name = (folder.url or "").rstrip("/").rpartition("/")[2].removesuffix(".git").lower()
            group = groups.setdefault((name, folder.branch or "a tag"), [])
            group.append(folder.head_commit_id == sha)
        for (name, branch), there in sorted(groups.items()):
            moves = (name, branch) == ("etl", "main")
            state = _bar(there, sha) if moves else "[dim]stay[/dim]"
            table.add_row("", workspace.name, name, branch, str(len(there)), state)
    return table


def _bar(there: list[bool], sha: str) -> str:
    done, cells = sum(there), 12
    full = cells * done // len(there)
    bar = f"[green]{'█' * full}[/green][dim]{'░' * (cells - full)}[/dim]"
    return f"{bar} {done} at {sha[:7]}"


def _as_on_github(check: CheckRun) -> Panel:
    conclusion = check.conclusion or check.status
    colour = MARKS.get(conclusion, "white")
    head = f"[bold]{check.title}[/bold]  [{colour}]{conclusion}[/{colour}]"
    return Panel(Group(head, Markdown(check.summary or "")), title=check.name, title_align="left")
