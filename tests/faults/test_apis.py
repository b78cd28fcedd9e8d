"""Every API fails in every way while somebody pushes, and is well again afterwards."""

from __future__ import annotations

import pytest
from fault_scene import APIS, KINDS
from running import wait_until

# What is waited for, and not a failure.
WAITS = {("databricks", kind) for kind in ("429", "429 wait", "503", "503 wait")}
WAITS |= {("github", "429"), ("github", "429 wait")} | {(api, "slow") for api in APIS}
PATIENCE = {("github", "429"): 100.0}  # a minute, where GitHub does not say how long
SOME = {
    ("git", "html"),
    ("entra", "html 200"),
    ("databricks", "empty 200"),
    ("databricks", "429 wait"),
}
CASES = [
    pytest.param(api, kind, marks=() if (api, kind) in SOME else pytest.mark.slow)
    for api in APIS
    for kind in KINDS
    if kind != "hang"
]


@pytest.mark.parametrize(("api", "kind"), CASES)
def test_after_an_apis_trouble_everything_is_promoted_and_told(scene, say, api, kind):
    if api == "entra":
        scene.sandbox.entra.expire_tokens()  # else nobody asks for one

    since = scene.log_size()
    with scene.trouble(api, kind) as asked:
        sha = scene.push()
        if (api, kind) in WAITS:
            wait_until(lambda: asked() >= 2, what="calls that have to wait")
        else:
            wait_until(lambda: scene.failed(sha, since), what="a failure")
    seconds = scene.wait_promoted(sha, PATIENCE.get((api, kind), 45.0))

    say(f"{api}, {kind}: promoted and told {seconds:.1f} s after its end")
    scene.check()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_call_that_is_never_answered_is_made_again(scene, say, method):
    """A read of Databricks after a minute, a check run after a quarter of one."""
    path = "/api/2.0/repos/*" if method == "GET" else "*/check-runs"
    places = [w.faults for w in scene.workspaces]
    for faults in places if method == "GET" else [scene.sandbox.github_faults]:
        faults.add(method=method, path=path, **KINDS["hang"])

    seconds = scene.wait_promoted(scene.push(), 100.0)

    say(f"one {method} that hangs: promoted and told after {seconds:.1f} s")
    scene.check()
