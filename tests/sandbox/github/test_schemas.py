"""What the stand-in sends has the shape that GitHub publishes, as githubkit has read it."""

from __future__ import annotations

import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    WEBHOOKS = pytest.importorskip(
        "githubkit.webhooks", reason="githubkit 0.16 needs hishel below 2", exc_type=ImportError
    )
    MODELS = pytest.importorskip("githubkit_schemas.latest.models")

ETL = "/repos/octo-org/etl"


def test_push_events(story, hook):
    story.github.hook_url = hook.url
    before = story.github.head("octo-org/etl", "main")
    story.git.commit(story.work, {"a.txt": "1\n"})
    story.git("tag", "--annotate", "--message", "v1", "v1", cwd=story.work)
    for refspecs in (
        ("main", "main:refs/heads/gone", "v1"),
        (":gone",),
        (f"+{before}:refs/heads/main",),
    ):
        story.git("push", "--quiet", "origin", *refspecs, cwd=story.work)

    events = [WEBHOOKS.parse("push", hook.receive()[1]) for _ in range(5)]

    assert [(event.ref, event.created, event.deleted, event.forced) for event in events] == [
        ("refs/heads/gone", True, False, False),
        ("refs/heads/main", False, False, False),
        ("refs/tags/v1", True, False, False),
        ("refs/heads/gone", False, True, False),
        ("refs/heads/main", False, False, True),
    ]


def test_answers_to_the_app(story, rest, until):
    story.git("push", "--quiet", "origin", "main:refs/heads/a", cwd=story.work)
    until(lambda: len(story.github.deliveries) == 1)
    delivery = f"/app/hook/deliveries/{story.github.deliveries[0].id}"
    installation = f"/app/installations/{story.installation_id}"
    narrowed = {"repositories": ["etl"]}

    for path, model in (
        ("/app", "Integration"),
        (installation, "Installation"),
        ("/app/hook/config", "WebhookConfig"),
        (delivery, "HookDelivery"),
    ):
        getattr(MODELS, model).model_validate(rest.app("GET", path).json())
    token = rest.app("POST", f"{installation}/access_tokens", json=narrowed)
    MODELS.InstallationToken.model_validate(token.json())
    [item] = rest.app("GET", "/app/hook/deliveries").json()
    MODELS.HookDeliveryItem.model_validate(item)


def test_answers_about_a_repository(story, rest):
    story.git("tag", "v1", cwd=story.work)
    story.git("push", "--quiet", "origin", "v1", cwd=story.work)
    token = rest.token(story.installation_id)
    run = {"name": "dev", "head_sha": story.github.head("octo-org/etl", "main")}
    made = rest("POST", f"{ETL}/check-runs", token=token, json=run).json()

    MODELS.CheckRun.model_validate(made)
    for path, model in (
        (ETL, "FullRepository"),
        (f"{ETL}/git/ref/heads/main", "GitRef"),
        (f"{ETL}/commits/main", "Commit"),
        (f"{ETL}/compare/main...main", "CommitComparison"),
        (f"{ETL}/check-runs/{made['id']}", "CheckRun"),
    ):
        getattr(MODELS, model).model_validate(rest("GET", path, token=token).json())
    for path, model in ((f"{ETL}/branches", "ShortBranch"), (f"{ETL}/tags", "Tag")):
        [item] = rest("GET", path, token=token).json()
        getattr(MODELS, model).model_validate(item)
    listed = rest("GET", "/installation/repositories", token=token).json()
    MODELS.Repository.model_validate(listed["repositories"][0])
