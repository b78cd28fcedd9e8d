"""The service with a promotion that appends to a file: run by test_crash.py, which kills it.

Arguments: the database's URL, the file to append to, the seconds that a promotion takes.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from github_app import database
from github_app.engine import Engine
from github_app.intake import Intake
from github_app.metrics import Metrics
from github_app.server import create_app, serve


def main(database_url, promoted_path, seconds):
    def promote(owed):
        append("started", owed.push.after)
        time.sleep(float(seconds))
        append("promoted", owed.push.after)

    def append(*words):
        with Path(promoted_path).open("a", encoding="utf-8") as file:
            print(*words, file=file)

    def say(url):
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()

    database.migrate(database_url)
    metrics = Metrics()
    engine = Engine(
        database_url=database_url,
        engine=database.open_engine(database_url),
        promote=promote,
        metrics=metrics,
    )
    intake = Intake(database_url, metrics=metrics, on_stored=engine.wake)
    engine.start()
    intake.start()
    app = create_app(
        intake=intake, secrets=["It's a Secret to Everybody"], metrics=metrics, ready=dict
    )
    serve(app, host="127.0.0.1", port=0, on_listening=say)
    intake.stop()
    if not engine.stop(6):
        os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
