"""A real browser: Debian's chromium-headless-shell, driven by playwright."""

from __future__ import annotations

import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

PACKAGE = "chromium-headless-shell"
CHROMIUM = os.environ.get("BRICKPUSH_TEST_CHROMIUM") or shutil.which(PACKAGE)
# A page that reaches for another host fails its test.
FLAGS = [
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--no-proxy-server",
]


# Never for the session: no asyncio test runs while playwright is open.
@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.fail(
            f"{PACKAGE} is not installed: apt-get install -y --no-install-recommends {PACKAGE}, "
            "or name another Chromium in BRICKPUSH_TEST_CHROMIUM"
        )
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser):
    """A page whose every complaint fails the test: what breaks our CSP is one."""
    context = browser.new_context(
        locale="en-GB", timezone_id="UTC", reduced_motion="reduce", ignore_https_errors=True
    )
    context.set_default_timeout(10_000)
    page, complaints = context.new_page(), []
    page.on("console", lambda m: m.type in ("error", "warning") and complaints.append(m.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []
