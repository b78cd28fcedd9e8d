"""The pre-push hook: queue the push, start a background process, and let git push continue.

git has no post-push event, and a developer waits for everything that this hook does. So it
imports next to nothing, decides nothing, and always ends with 0.
"""

# ruff: noqa: PTH103, PTH109, PTH118

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hooks.foreground.pushed_refs import PushedRefs

NO = ("", "0", "false", "no", "off")


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Queue the promotion of what is being pushed. Return 0: a push is never stopped."""
    try:
        for line in queue(arguments, environ):
            say(line)
    except BaseException as exc:  # even Ctrl-C or a missing module must not stop the push
        say_error(exc)
    return 0


def queue(arguments: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """Start the process that promotes after the push; return the lines to print."""
    if environ.get("CI", "").casefold() not in NO:
        return []
    if environ.get("BRICKPUSH_SKIP", "").casefold() not in NO:
        return ["skipped, as BRICKPUSH_SKIP asks"]
    from hooks.foreground import last_failure, parent_process, spawn, tracking_refs
    from hooks.foreground.pushed_refs import URL_VARIABLE
    from hooks.foreground.state_directory import state_directory

    pushed = read_push(arguments, environ)
    if pushed is None or (pushed.complete and not pushed.refs):
        return []
    pusher = parent_process.find_pusher(environ)
    if pusher is not None and pusher.dry_run:
        return ["a dry run promotes nothing"]
    directory = state_directory(environ)
    before = tracking_refs.tracking_refs(environ)
    origin = (pusher.pid, pusher.started) if pusher is not None else None
    queued = write_queued_push(directory, pushed, before, origin)
    child = (sys.executable, "-I", "-m", "brickpush", "background", queued)
    spawn.detach(child, {**environ, URL_VARIABLE: pushed.url}, directory)
    failure = last_failure.take(directory)
    return [*([f"last time, {failure}"] if failure else []), announcement(pushed)]


def read_push(arguments: Sequence[str], environ: Mapping[str, str]) -> PushedRefs | None:
    """Return the pushed refs: git passes a hook two arguments, pre-commit passes none."""
    from hooks.foreground import pushed_refs, tracking_refs

    if len(arguments) == 2:
        with open(0, "rb", closefd=False) as stdin:
            return pushed_refs.from_git(arguments, os.fsdecode(stdin.read()))
    return pushed_refs.from_pre_commit(
        environ, lambda source: tracking_refs.commit(source, environ)
    )


def write_queued_push(
    directory: str, pushed: PushedRefs, before: dict[str, str], pusher: tuple[int, str] | None
) -> str:
    """Write the queued push as a Python literal, since importing json takes 7 ms."""
    import time

    from hooks.foreground.pushed_refs import without_secrets

    now = time.time_ns()
    key = f"{now // 1_000_000}-{os.getpid()}"
    queued = {
        "key": key,
        "started_at": now / 1e9,
        "directory": os.getcwd(),
        "remote": without_secrets(pushed.remote),
        "url": without_secrets(pushed.url),
        "refs": pushed.refs,
        "complete": pushed.complete,
        "before": before,
        "pusher": pusher,
    }
    os.makedirs(os.path.join(directory, "queued-pushes"), mode=0o700, exist_ok=True)
    path = os.path.join(directory, "queued-pushes", key)
    with open(path, "x", encoding="ascii", opener=_owner_only) as file:
        file.write(ascii(queued))
    return path


def announcement(pushed: PushedRefs) -> str:
    """Return the line that announces the promotion."""
    named = [f"{ref.removeprefix('refs/heads/')}@{sha[:7]}" for ref, sha in pushed.refs.items()]
    what = ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")
    return f"promotion of {what or 'the pushed branches'} queued; `git promote status` shows it"


def say(line: str) -> None:
    """Print one line, without the control characters that a ref's name may hold."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in line)
    os.write(1, f"brickpush: {printable}\n".encode("utf-8", "replace"))


def say_error(exc: BaseException) -> None:
    """Print, if possible, why nothing will be promoted."""
    try:
        why = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
        say(f"nothing will be promoted: {why}; the push goes on")
    except BaseException:  # stdout is closed
        return


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
