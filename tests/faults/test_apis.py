"""Every API fails in every way while somebody pushes, and is well again afterwards."""

from __future__ import annotations

import pytest
from fault_scene import APIS, CASES, KINDS, fault_of
from histories import BY_DEVELOPERS, WITHOUT_TAGS
from running import wait_until

# What is waited for, and not a failure.
WAITS = {
    (api, kind)
    for api in ("databricks", "github")
    for kind in KINDS
    if kind.startswith(("429", "503")) and (api, kind[:3]) != ("github", "503")
}
WAITS |= {(api, kind) for api in APIS for kind in ("slow", "hang")}
# GitHub is asked no more for as long as it says, a minute where it does not say.
PATIENCE = {
    ("github", "429"): 100.0,
    ("github", "429 until"): 100.0,
    ("github", "429 wait 120"): 200.0,
}
PATIENCE |= {("databricks", "429 wait 120"): 100.0}  # where nobody waits for more than a minute
PATIENCE |= {("entra", "429 wait 120"): 200.0}
SOME = {("git", "html")}
A_YEAR = "31536000"
PUSHES = {kind: WITHOUT_TAGS[kind] for kind in BY_DEVELOPERS if kind in WITHOUT_TAGS}


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("api", "kind"),
    [
        pytest.param(api, kind, marks=() if (api, kind) in SOME else pytest.mark.slow)
        for api, kind in CASES
    ],
)
def test_after_an_apis_trouble_everything_is_promoted_and_told(scene, say, api, kind):
    if api == "entra":
        scene.sandbox.entra.expire_tokens()  # else nobody asks for one
    patience = PATIENCE.get((api, kind), 45.0)

    since = scene.log_size()
    with scene.unkind(seed=len(scene.history)):
        with scene.trouble(api, kind) as asked:
            sha = scene.push()
            if api != "git" and (api, kind) != ("github", "refuse"):  # where nobody can push
                for _ in range(3):
                    scene.story.step(PUSHES)
            if (api, kind) in WAITS:
                wait_until(lambda: asked() >= 2, what="calls that have to wait")
            else:
                wait_until(lambda: scene.failed(sha, since), what="a failure")
        seconds = scene.wait_promoted(sha, patience)
        scene.check(patience)

    say(f"{api}, {kind}: promoted and told {seconds:.1f} s after its end")


def test_a_workspace_that_hangs_does_not_keep_the_other_from_being_promoted(scene):
    dev, prod = scene.workspaces
    with scene.trouble("databricks", "hang") as asked:
        sha = scene.push()
        wait_until(asked, what="a call that hangs")
        wait_until(
            lambda: {f.head_commit_id for f in prod.folders() if "etl-main" in f.path} == {sha},
            what="the other workspace's Git folders",
        )
        there = {f.head_commit_id for f in dev.folders() if "etl-main" in f.path}

    scene.wait_promoted(sha)

    assert sha not in there
    scene.check()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["GET", "POST", "token"])
def test_a_call_that_is_never_answered_is_made_again(scene, say, method):
    """A read of Databricks after a minute, a check run after a quarter of one."""
    paths = {"GET": "/api/2.0/repos/*", "POST": "*/check-runs", "token": "*/token"}
    places = {
        "GET": [workspace.faults for workspace in scene.workspaces],
        "POST": [scene.sandbox.github_faults],
        "token": [scene.sandbox.entra.faults],
    }
    if method == "token":
        scene.sandbox.entra.expire_tokens()
    hangs = [
        faults.add(
            method="POST" if method == "token" else method, path=paths[method], **KINDS["hang"]
        )
        for faults in places[method]
    ]

    seconds = scene.wait_promoted(scene.push(), 100.0)

    say(f"one {method} that hangs: promoted and told after {seconds:.1f} s")
    assert all(fault.hits for fault in hangs)
    scene.check()


@pytest.mark.slow
@pytest.mark.parametrize(
    "api",
    [
        pytest.param(
            "github",
            marks=pytest.mark.xfail(
                strict=True,
                reason="what GitHub says is believed, however long: no call is tried before",
            ),
        ),
        "databricks",
    ],
)
def test_a_year_of_silence_is_not_believed(own_scene, say, api):
    """A proxy or a wrong clock may say anything; nobody is silent for a year because of it."""
    scene = own_scene
    scene.start()
    scene.begin()
    fault = {**fault_of(api, "429"), "headers": {"Retry-After": A_YEAR}, "times": None}
    struck = [faults.add(path=path, **fault) for faults, path in scene.faults(api)]
    sha = scene.push()
    wait_until(lambda: any(each.hits for each in struck), what="a call that is told to wait")
    scene.calm()

    seconds = scene.wait_promoted(sha, 90.0)

    say(f"{api}, a year: promoted and told after {seconds:.1f} s")
    scene.check()
