"""The pre-push hook: note what is being pushed, leave a process behind, and let git push go on.

git has no post-push event, and whatever this hook does is time that a developer waits; so it
imports next to nothing, decides nothing, and ends well whatever happens.
"""

# ruff: noqa: PTH103, PTH109, PTH118

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hooks.pushed_refs import PushedRefs

NO = ("", "0", "false", "no", "off")
URL_VARIABLE = "BRICKPUSH_PUSH_URL"  # it may hold a password, so it goes into no file


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Queue the promotion of what is being pushed. Return 0: a push is never stopped."""
    try:
        for line in queue(arguments, environ):
            say(line)
    except BaseException as exc:  # even Ctrl-C or a missing module must not stop the push
        say_what_went_wrong(exc)
    return 0


def queue(arguments: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """Start the process that promotes once the push has arrived; return what there is to say."""
    if environ.get("CI", "").casefold() not in NO:
        return []
    if environ.get("BRICKPUSH_SKIP", "").casefold() not in NO:
        return ["skipped, as BRICKPUSH_SKIP asks"]
    from hooks import ancestor, notice, snapshot, spawn
    from hooks.state_directory import state_directory

    pushed = read_push(arguments, environ)
    if pushed is None or (pushed.complete and not pushed.refs):
        return []
    pusher = ancestor.find_pusher(environ)
    if pusher is not None and pusher.dry_run:
        return ["a dry run promotes nothing"]
    directory = state_directory(environ)
    before = snapshot.tracking_refs(environ)
    origin = (pusher.pid, pusher.started) if pusher is not None else None
    intent = write_intent(directory, pushed, before, origin)
    child = (sys.executable, "-I", "-m", "hooks.child", intent)
    spawn.detach(child, {**environ, URL_VARIABLE: pushed.url}, directory)
    last_time = notice.take(directory)
    return [*([f"last time, {last_time}"] if last_time else []), announcement(pushed)]


def read_push(arguments: Sequence[str], environ: Mapping[str, str]) -> PushedRefs | None:
    """Return what is being pushed: git gives a hook two arguments, pre-commit gives none."""
    from hooks import pushed_refs, snapshot

    if len(arguments) == 2:
        with open(0, "rb", closefd=False) as stdin:
            return pushed_refs.from_git(arguments, os.fsdecode(stdin.read()))
    return pushed_refs.from_pre_commit(environ, lambda source: snapshot.commit(source, environ))


def write_intent(
    directory: str, pushed: PushedRefs, before: dict[str, str], pusher: tuple[int, str] | None
) -> str:
    """Write down what the child has to know, as a Python literal: importing json costs 7 ms."""
    import time

    from hooks.pushed_refs import without_secrets

    now = time.time_ns()
    key = f"{now // 1_000_000}-{os.getpid()}"
    intent = {
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
    os.makedirs(os.path.join(directory, "intents"), mode=0o700, exist_ok=True)
    path = os.path.join(directory, "intents", key)
    with open(path, "x", encoding="ascii", opener=_owner_only) as file:
        file.write(ascii(intent))
    return path


def announcement(pushed: PushedRefs) -> str:
    """Return the one line that a developer sees."""
    named = [f"{ref.removeprefix('refs/heads/')}@{sha[:7]}" for ref, sha in pushed.refs.items()]
    what = ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")
    return f"promotion of {what or 'the pushed branches'} queued; `git promote status` shows it"


def say(line: str) -> None:
    """Print one line; what a ref's name holds for the terminal is not sent there."""
    told = "".join(letter if letter.isprintable() else "?" for letter in line)
    os.write(1, f"brickpush: {told}\n".encode("utf-8", "replace"))


def say_what_went_wrong(exc: BaseException) -> None:
    """Tell, if that is possible, why nothing will be promoted."""
    try:
        why = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
        say(f"nothing will be promoted: {why}; the push goes on")
    except BaseException:  # nobody listens
        return


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


if __name__ == "__main__":
    os._exit(main(sys.argv[1:], os.environ))
