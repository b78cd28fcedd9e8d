"""REST for repositories: what they are, where their refs are, and how commits compare."""

from __future__ import annotations

from starlette.responses import JSONResponse, PlainTextResponse, Response

from sandbox.github.api.call import Call, repository_routes
from sandbox.github.errors import ApiError, not_found
from sandbox.github.git import git, history
from sandbox.github.git.refs import HEADS, TAGS
from sandbox.github.representations import objects
from sandbox.github.representations.objects import Json, node_id
from sandbox.github.state.repositories import Hosted

ONLY_SHA = "application/vnd.github.sha"


def get_repository(call: Call) -> Response:
    """GET /repos/{owner}/{repo} and GET /repositories/{id}."""
    hosted = call.repository()
    owner = call.state.owner(hosted)
    return JSONResponse(objects.repository(call.state.url, hosted, owner))


def get_ref(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/git/ref/{ref}."""
    hosted = call.permitted_repository("contents", "read")
    ref = f"refs/{call.part('ref')}"
    moment = call.state.replicas.moment() if ref.startswith(HEADS) else None
    sha = hosted.refs(moment).get(ref)
    if sha is None:
        raise not_found()
    kind = "commit" if ref.startswith(HEADS) else _type_of(hosted, sha)
    api = _api(call, hosted)
    shown = {"sha": sha, "type": kind, "url": f"{api}/git/{kind}s/{sha}"}
    answer = {
        "ref": ref,
        "node_id": node_id("Ref", ref),
        "url": f"{api}/git/{ref}",
        "object": shown,
    }
    return JSONResponse(answer)


def get_commit(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/commits/{ref}."""
    hosted = call.permitted_repository("contents", "read")
    sha = resolve(hosted, call.part("ref"))
    if sha is None:
        raise ApiError(422, f"No commit found for SHA: {call.part('ref')}")
    if ONLY_SHA in call.request.headers.get("accept", ""):
        return PlainTextResponse(sha, media_type=f"{ONLY_SHA}; charset=utf-8")
    commit = history.read_commits(hosted.path, "-1", sha)[0]
    return JSONResponse(objects.commit(call.state.url, hosted.repository.full_name, commit))


def compare(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/compare/{base}...{head}."""
    hosted = call.permitted_repository("contents", "read")
    base_name, dots, head_name = call.part("basehead").partition("...")
    moment = call.state.replicas.moment()
    base, head = (resolve(hosted, name, moment) for name in (base_name, head_name))
    if not dots or base is None or head is None:
        raise not_found()
    if not (hosted.had(base, moment) and hosted.had(head, moment)):
        raise not_found()
    found = history.read_commits(hosted.path, f"{base}...{head}")
    ahead = [one for one in found if not one.on_left][::-1]
    behind_by = len(found) - len(ahead)
    name = hosted.repository.full_name
    merge_base = _merge_base(hosted, base, head)
    ends = history.read_commits(hosted.path, "--no-walk=unsorted", base, merge_base)
    shown = [objects.commit(call.state.url, name, one) for one in (ends[0], ends[-1])]
    chosen, links = call.page(ahead)
    web = f"{call.state.url}/{name}/compare/{base_name}...{head_name}"
    answer: Json = {
        "url": f"{_api(call, hosted)}/compare/{base_name}...{head_name}",
        "html_url": web,
        "permalink_url": f"{call.state.url}/{name}/compare/{base[:7]}...{head[:7]}",
        "diff_url": f"{web}.diff",
        "patch_url": f"{web}.patch",
        "base_commit": shown[0],
        "merge_base_commit": shown[1],
        "status": _comparison(len(ahead), behind_by),
        "ahead_by": len(ahead),
        "behind_by": behind_by,
        "total_commits": len(ahead),
        "commits": [objects.commit(call.state.url, name, one) for one in chosen],
    }
    return JSONResponse(answer, headers=links)


def list_branches(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/branches."""
    hosted = call.permitted_repository("contents", "read")
    heads = [(ref, sha) for ref, sha in hosted.refs().items() if ref.startswith(HEADS)]
    chosen, links = call.page(heads)
    api = _api(call, hosted)
    branches = [
        {
            "name": ref.removeprefix(HEADS),
            "commit": {"sha": sha, "url": f"{api}/commits/{sha}"},
            "protected": False,
        }
        for ref, sha in chosen
    ]
    return JSONResponse(branches, headers=links)


def list_tags(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/tags: with the commits that they point at."""
    hosted = call.permitted_repository("contents", "read")
    tags = [ref.removeprefix(TAGS) for ref in hosted.refs() if ref.startswith(TAGS)]
    chosen, links = call.page(tags)
    commits = _tagged_commits(hosted) if chosen else {}
    api = _api(call, hosted)
    shown = [
        {
            "name": tag,
            "commit": {"sha": commits[tag], "url": f"{api}/commits/{commits[tag]}"},
            "zipball_url": f"{api}/zipball/{TAGS}{tag}",
            "tarball_url": f"{api}/tarball/{TAGS}{tag}",
            "node_id": node_id("Ref", TAGS + tag),
        }
        for tag in chosen
        if tag in commits
    ]
    return JSONResponse(shown, headers=links)


def require_commit(hosted: Hosted, sha: str) -> None:
    """Raise unless *sha* is the whole name of a commit of the repository."""
    if len(sha) != 40 or history.find_commit(hosted.path, sha) is None:
        raise ApiError(422, f"No commit found for SHA: {sha}")


def resolve(hosted: Hosted, name: str, moment: float | None = None) -> str | None:
    """Return the commit that a branch, a tag or a sha, perhaps shortened, names."""
    refs = hosted.refs(moment)
    for ref in (HEADS + name, f"refs/{name}"):
        if ref in refs and ref.startswith(HEADS):
            return refs[ref]
    for ref in (TAGS + name, f"refs/{name}"):
        if ref in refs:
            return history.peel(hosted.path, refs[ref])
    if name == "HEAD":
        return refs.get(HEADS + hosted.repository.default_branch)
    return history.find_commit(hosted.path, name)


def _api(call: Call, hosted: Hosted) -> str:
    return f"{call.state.url}/api/v3/repos/{hosted.repository.full_name}"


def _type_of(hosted: Hosted, sha: str) -> str:
    return git.run(hosted.path, "cat-file", "-t", sha).decode().strip()


def _merge_base(hosted: Hosted, base: str, head: str) -> str:
    try:
        return git.run(hosted.path, "merge-base", base, head).decode().strip()
    except git.GitError as exc:
        raise ApiError(404, f"No common ancestor between {base} and {head}.") from exc


def _comparison(ahead_by: int, behind_by: int) -> str:
    if ahead_by and behind_by:
        return "diverged"
    if ahead_by:
        return "ahead"
    return "behind" if behind_by else "identical"


def _tagged_commits(hosted: Hosted) -> dict[str, str]:
    """Return the commit of every tag, read by one process."""
    listed = git.run(
        hosted.path,
        "for-each-ref",
        "--format=%(refname:lstrip=2)%00%(objectname)%00%(*objectname)",
        "refs/tags",
    )
    commits: dict[str, str] = {}
    for line in listed.decode().splitlines():
        tag, sha, peeled = line.split("\0")
        commits[tag] = peeled or sha
    return commits


ROUTES = [
    *repository_routes("GET", "", get_repository),
    *repository_routes("GET", "/git/ref/{ref:path}", get_ref),
    *repository_routes("GET", "/compare/{basehead:path}", compare),
    *repository_routes("GET", "/branches", list_branches),
    *repository_routes("GET", "/tags", list_tags),
    *repository_routes("GET", "/commits/{ref:path}", get_commit),
]
