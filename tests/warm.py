"""What the process that services are forked from has done before: imports, and a first migration.

Each fork would do it again, and several hundred tests start a service.
"""

import gc
import tempfile
from pathlib import Path

import dbos._sys_db_sqlite  # noqa: F401
import msal_extensions  # noqa: F401
import uvicorn.lifespan.off
import uvicorn.loops.auto  # noqa: F401
import uvloop  # noqa: F401

import github_app.__main__
import github_app.service  # noqa: F401
from github_app.wiring import migrate

with tempfile.TemporaryDirectory() as directory:
    for _ in ("tables are made", "tables are there"):
        migrate(f"sqlite:///{Path(directory)}/brickpush.sqlite")

gc.collect()
gc.freeze()  # the forks' collections would copy every page that holds an object
