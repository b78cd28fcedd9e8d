"""The background process of the hook: `python -I -m brickpush background QUEUED_PUSH`."""

from __future__ import annotations

import contextlib
import logging
import os
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from hooks.background.job import BY_HAND, AfterPush
from hooks.background.verify import PushVerifier, Tracking
from hooks.foreground.pushed_refs import URL_VARIABLE
from hooks.results.model import State
from hooks.results.queued_push import QueuedPush, read_queued_push
from hooks.results.store import Record, Results, keep_notice
from hooks.system.clock import SystemClock
from hooks.system.git import Git
from hooks.system.known_secrets import hide
from hooks.workspaces.promote import promote_pushed
from promotion.errors import PromotionError
from promotion.repository_url import repository_key

LOG_BYTES = 1_000_000
log = logging.getLogger("hooks.background.worker")


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Promote one queued push. The result is recorded; nothing reads the exit code."""
    os.umask(0o077)
    path = Path(arguments[0])
    directory = path.parent.parent
    queued = read_queued_push(path)
    results = Results(directory)
    records = {r.ref: Record(r, results, SystemClock()) for r in queued.results()}
    path.unlink(missing_ok=True)
    try:
        prepare(queued, environ, results).run(records)
        for interrupted in results.settle():
            keep_notice(interrupted, results)
    except PromotionError as exc:
        end_all(records, str(exc))
        return 1
    except Exception as exc:
        keep_traceback(directory)
        end_all(records, f"unexpectedly, {type(exc).__name__}: {exc}")
        return 3
    finally:
        for record in records.values():
            record.close()
    return 0


def end_all(records: Mapping[str, Record], why: str) -> None:
    """Record a failure for every ref that has not ended."""
    for record in records.values():
        if not record.result.state.ended:
            record.end(State.FAILED, why, BY_HAND)


def prepare(queued: QueuedPush, environ: Mapping[str, str], results: Results) -> AfterPush:
    """Return the work on one push, with its dependencies."""
    own = {name: value for name, value in environ.items() if name != URL_VARIABLE}
    git = Git(Path(queued.directory), own)
    url = environ.get(URL_VARIABLE) or queued.url
    remote = url if queued.by_url else queued.remote
    # A remote may be fetched from and pushed to different URLs; the one pushed to counts.
    address = remote if queued.by_url or git.fetch_url(remote) == url else url
    tracking = how_tracked(git, remote, url)
    verifier = PushVerifier(
        git, remote=remote, address=address, before=queued.before, tracking=tracking
    )
    return AfterPush(queued, git, verifier, results, own, SystemClock(), promote_pushed)


def how_tracked(git: Git, remote: str, url: str) -> Tracking:
    """Return whether the tracking refs of a remote show a push to one of its URLs."""
    if len(git.push_urls(remote)) > 1:
        return Tracking.NEITHER
    fetched, key = git.fetch_url(remote), repository_key(url)
    one = fetched == url or (key is not None and repository_key(fetched) == key)
    return Tracking.BOTH if one else Tracking.PUSH


def keep_traceback(directory: Path) -> None:
    """Write the current exception to the log, for a bug report."""
    # The import takes 10 ms, which would delay each promotion.
    from logging.handlers import RotatingFileHandler

    with contextlib.suppress(OSError):
        handler = RotatingFileHandler(directory / "worker.log", maxBytes=LOG_BYTES, backupCount=1)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(handler)
        log.error("%s", hide(traceback.format_exc()))
        log.removeHandler(handler)
        handler.close()
