"""Services that quote a token back: nobody is shown it, on the commit or in the log."""

from __future__ import annotations

import pytest
from app_world import FAST, completed, fill, push, settled, wait_for_heads
from running import running_service

from sandbox.sandbox import Options, open_sandbox

TOKEN = "ghs_123456_eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMjM0NTYifQ.c2lnbmF0dXJl-_x"
HIDDEN = "\\[hidden\\]"
QUOTED = {"error_code": "TEAPOT", "message": f"the token {TOKEN} is not liked"}


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened, people=("ada",))
        yield opened


def test_a_token_that_databricks_quotes_back_is_shown_to_nobody(sandbox):
    dev, prod = sandbox.workspace("dev"), sandbox.workspace("prod")
    dev.behaviour.refused_listings["/Shared"] = (400, "TEAPOT", QUOTED["message"])
    with running_service(sandbox, **FAST) as service:
        wait_for_heads(sandbox, push(sandbox, service))
        settled(service)
        dev.faults.add(method="PATCH", path="/api/2.0/repos/*", status=418, body=QUOTED)
        prod.faults.add(path="/api/2.0/repos/*", status=404, body=QUOTED)
        runs = completed(sandbox, push(sandbox, service))
        told = {name: f"{run.title} {run.summary}" for name, run in runs.items()}
        log = service.log.read_text()

    assert TOKEN[:16] not in "".join(told.values()) + log
    of_dev = next(text for name, text in told.items() if "dev" in name)
    assert of_dev.count(HIDDEN) == 2  # of the Git folder, and of the directory
