"""What the stand-in sends has the shape that GitHub publishes, as githubkit has read it."""

from __future__ import annotations

import githubkit.webhooks as webhooks
import githubkit_schemas.latest.models as models

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

    events = [webhooks.parse("push", hook.receive()[1]) for _ in range(5)]

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
        getattr(models, model).model_validate(rest.app("GET", path).json())
    token = rest.app("POST", f"{installation}/access_tokens", json=narrowed)
    models.InstallationToken.model_validate(token.json())
    [item] = rest.app("GET", "/app/hook/deliveries").json()
    models.HookDeliveryItem.model_validate(item)


def test_answers_about_a_repository(story, rest):
    story.git("tag", "v1", cwd=story.work)
    story.git("push", "--quiet", "origin", "v1", cwd=story.work)
    token = rest.token(story.installation_id)
    run = {"name": "dev", "head_sha": story.github.head("octo-org/etl", "main")}
    made = rest("POST", f"{ETL}/check-runs", token=token, json=run).json()

    models.CheckRun.model_validate(made)
    for path, model in (
        (ETL, "FullRepository"),
        (f"{ETL}/git/ref/heads/main", "GitRef"),
        (f"{ETL}/commits/main", "Commit"),
        (f"{ETL}/compare/main...main", "CommitComparison"),
        (f"{ETL}/check-runs/{made['id']}", "CheckRun"),
    ):
        getattr(models, model).model_validate(rest("GET", path, token=token).json())
    github = story.github
    github.app_permissions |= {"statuses": "write", "deployments": "write"}
    token, sha = rest.token(story.installation_id), run["head_sha"]
    deploy = {"ref": "main", "required_contexts": []}
    status = rest("POST", f"{ETL}/statuses/{sha}", token=token, json={"state": "success"})
    models.Status.model_validate(status.json())
    combined = rest("GET", f"{ETL}/commits/main/status", token=token).json()
    models.CombinedCommitStatus.model_validate(combined)
    deployment = rest("POST", f"{ETL}/deployments", token=token, json=deploy).json()
    models.Deployment.model_validate(deployment)
    place = f"{ETL}/deployments/{deployment['id']}/statuses"
    done = rest("POST", place, token=token, json={"state": "success"}).json()
    models.DeploymentStatus.model_validate(done)
    for path, model in ((f"{ETL}/branches", "ShortBranch"), (f"{ETL}/tags", "Tag")):
        [item] = rest("GET", path, token=token).json()
        getattr(models, model).model_validate(item)
    listed = rest("GET", "/installation/repositories", token=token).json()
    models.Repository.model_validate(listed["repositories"][0])
