"""The service with a promotion that appends to a file: run by tests, which kill it.

A commit that ends in "dead" ends the process at once, as one does that takes all memory.
Arguments: the database's URL, the file to append to, the seconds that a promotion takes, and the
role, as `brickpush serve` has it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

from github_app.runtime import logs
from github_app.runtime.metrics import Metrics
from github_app.server.http import create_app, create_probes, serve
from github_app.storage import database
from github_app.webhooks.inbox import Intake
from github_app.wiring import migrate
from github_app.worker.engine import Engine
from github_app.worker.postgres_lease import open_lease

SECRETS = ["It's a Secret to Everybody"]


def main(database_url, promoted_path, seconds, role="all"):
    def say(url):
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()

    logs.configure(json=True)
    serving = partial(serve, host="127.0.0.1", port=0, on_listening=say)
    migrate(database_url)
    metrics = Metrics()
    if role == "web":
        intake = Intake(database_url, metrics=metrics)
        intake.start()
        serving(create_app(intake=intake, secrets=SECRETS, metrics=metrics, ready=intake.problems))
        intake.stop()
        return
    engine = build_engine(database_url, promoted_path, float(seconds), metrics)
    intake = Intake(database_url, metrics=metrics, on_stored=engine.wake)
    engine.start()
    intake.start()
    if role == "worker":
        serving(create_probes(metrics=metrics, ready=engine.problems))
    else:
        serving(create_app(intake=intake, secrets=SECRETS, metrics=metrics, ready=dict))
    intake.stop()
    if not engine.stop(6):
        os._exit(0)


def build_engine(database_url, promoted_path, seconds, metrics):
    tables = database.open_engine(database_url)
    lease = open_lease(database_url)

    def promote(pushed):
        append("started", pushed.push.after)
        if pushed.push.after.endswith("dead"):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(seconds)
        lease.may_act()
        append("acted", pushed.push.after)
        with tables.begin() as tx:
            lease.still_mine(tx)
            append("promoted", pushed.push.after)

    def append(*words):
        with Path(promoted_path).open("a", encoding="utf-8") as file:
            print(*words, time.time(), os.getpid(), file=file)

    return Engine(
        database_url=database_url,
        engine=tables,
        promote=promote,
        metrics=metrics,
        lease=lease,
        retry_seconds=(1.0,) * 8,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
