from __future__ import annotations

import pytest
from running import running_service

from sandbox.sandbox import open_sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with open_sandbox(tmp_path_factory.mktemp("sandbox")) as opened:
        yield opened


@pytest.fixture(scope="module")
def service(sandbox):
    with running_service(sandbox) as running:
        yield running
