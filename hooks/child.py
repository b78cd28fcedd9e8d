"""The process that the hook leaves behind: `python -I -m hooks.child NOTE`."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from hooks.after_push import BY_HAND, AfterPush
from hooks.clock import SystemClock
from hooks.git import Git
from hooks.intent import Intent, read_intent
from hooks.known_secrets import hide
from hooks.local_promotion import promote_pushed
from hooks.promote_after_push import URL_VARIABLE
from hooks.proof import Tracking, Witness
from hooks.record import Record, keep_notice
from hooks.result import State
from hooks.results import Results
from promotion.errors import PromotionError
from promotion.repository_url import repository_key

LOG_BYTES = 1_000_000
log = logging.getLogger("hooks.child")


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Promote the push of one note. Nobody sees the exit code; the result tells."""
    os.umask(0o077)
    note = Path(arguments[0])
    directory = note.parent.parent
    intent = read_intent(note)
    results = Results(directory)
    records = {r.ref: Record(r, results, SystemClock()) for r in intent.results()}
    note.unlink(missing_ok=True)
    try:
        prepare(intent, environ, results).run(records)
        for settled in results.settle():
            keep_notice(settled, results)
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
    """End what has not ended yet as a failure."""
    for record in records.values():
        if not record.result.state.ended:
            record.end(State.FAILED, why, BY_HAND)


def prepare(intent: Intent, environ: Mapping[str, str], results: Results) -> AfterPush:
    """Return the work on one push, with everything that it needs."""
    own = {name: value for name, value in environ.items() if name != URL_VARIABLE}
    git = Git(Path(intent.directory), own)
    url = environ.get(URL_VARIABLE) or intent.url
    remote = url if intent.by_url else intent.remote
    # A remote may be read and written at different places; what counts is where the push went.
    address = remote if intent.by_url or git.fetch_url(remote) == url else url
    tracking = how_tracked(git, remote, url)
    witness = Witness(git, remote=remote, address=address, before=intent.before, tracking=tracking)
    return AfterPush(intent, git, witness, results, own, SystemClock(), promote_pushed)


def how_tracked(git: Git, remote: str, url: str) -> Tracking:
    """Return what the tracking refs of a remote tell about a push to one of its URLs."""
    if len(git.push_urls(remote)) > 1:
        return Tracking.NEITHER
    fetched, key = git.fetch_url(remote), repository_key(url)
    one = fetched == url or (key is not None and repository_key(fetched) == key)
    return Tracking.BOTH if one else Tracking.PUSH


def keep_traceback(directory: Path) -> None:
    """Write the current exception into the log, for a bug report."""
    # Importing it takes 10 ms, between a push and its promotion.
    from logging.handlers import RotatingFileHandler

    with contextlib.suppress(OSError):
        handler = RotatingFileHandler(directory / "child.log", maxBytes=LOG_BYTES, backupCount=1)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(handler)
        log.error("%s", hide(traceback.format_exc()))
        log.removeHandler(handler)
        handler.close()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], os.environ))
