from __future__ import annotations

import pytest
from builders import an_api_error

from promotion.errors import ApiError, UnreachableError
from promotion.failures import ROWS, explain, in_words
from promotion.model import Conclusion

HOST = "https://adb-1.azuredatabricks.net/api/2.0"
LIST = f"GET {HOST}/workspace/list"
GET = f"GET {HOST}/repos/1"
CREDENTIALS = f"PATCH {HOST}/git-credentials/1"
NO_MEMBER = "the principal is not a member of this workspace"
TOKEN = "Databricks did not accept the access token"
NO_API = "the workspace's address has no such API: it may be no workspace's, or a proxy answers"
NETWORK = "the workspace's IP access list or its private link does not let this machine in"

KNOWN = [
    (
        403,
        "PERMISSION_DENIED",
        "Missing Git provider credentials. Go to User Settings > Git Integration to add them.",
        "no Git credential is stored for the identity that pulls",
    ),
    (
        403,
        "PERMISSION_DENIED",
        "Invalid Git provider credentials. Ensure that the token has not expired.",
        "GitHub refused the stored Git credential: it is wrong or has expired",
    ),
    (
        400,
        "GIT_CLI_CANNOT_CHOOSE_CREDENTIAL",
        "",
        "several Git credentials fit and none is the default",
    ),
    (
        403,
        "PERMISSION_DENIED",
        "Azure Active Directory credentials missing.",
        "Databricks could not sign in to Azure DevOps for this folder",
    ),
    (
        400,
        "BAD_REQUEST",
        "Remote repo not found. Please ensure that: 1. the URL is valid",
        "GitHub does not show the repository to the stored Git credential",
    ),
    (
        400,
        "GIT_URL_NOT_ON_ALLOW_LIST",
        "",
        "the repository's host is not on the workspace's allow list of Git URLs",
    ),
    (
        403,
        "PERMISSION_DENIED",
        "URL is not in the allowlist",
        "the repository's host is not on the workspace's allow list of Git URLs",
    ),
    (404, "GIT_UNKNOWN_REF", "", "the branch is not on GitHub any more"),
    (
        404,
        "RESOURCE_DOES_NOT_EXIST",
        "Branch main does not exist on the remote",
        "the branch is not on GitHub any more",
    ),
    (
        409,
        "GIT_CONFLICT",
        "Local commits have diverged from the remote",
        "the Git folder holds commits that are not on GitHub",
    ),
    (
        400,
        "GIT_CONFLICT",
        "You have uncommitted changes: a.py",
        "somebody edited files in the Git folder that the push changes too",
    ),
    (409, "GIT_CONFLICT", "", "git reports a merge conflict in the Git folder"),
    (
        400,
        "BAD_REQUEST",
        "There are merge conflicts in a.py",
        "git reports a merge conflict in the Git folder",
    ),
    (
        400,
        "GIT_SENSITIVE_TOKEN_DETECTED",
        "",
        "the commit holds what looks like a secret, and Databricks refuses it",
    ),
    (
        400,
        "IPYNB_FILE_IN_REPO",
        "",
        "the workspace forbids notebooks with outputs (.ipynb) in Git folders",
    ),
    (
        400,
        "BAD_REQUEST",
        "The working branch exceeds the limit of 1 GB",
        "the repository is larger than Databricks takes",
    ),
    (
        500,
        "PROJECTS_OPERATION_TIMEOUT",
        "",
        "git ran longer than Databricks allows; it may still finish by itself",
    ),
    (
        504,
        "DEADLINE_EXCEEDED",
        "",
        "git ran longer than Databricks allows; it may still finish by itself",
    ),
    (500, "GIT_REMOTE_ERROR", "", "Databricks could not reach the repository's host"),
    (
        403,
        "",
        "Unauthorized access to Org: 123",
        NETWORK,
    ),
    (
        403,
        "PERMISSION_DENIED",
        "The octo-org organization has an IP allow list enabled, and 20.42.1.7 is not permitted",
        "the organization's IP allow list on GitHub does not let Databricks in",
    ),
    (
        403,
        "PERMISSION_DENIED",
        "The principal is not a member of this workspace",
        "the principal is not a member of this workspace",
    ),
    (401, "", "", "Databricks did not accept the access token"),
    (404, "FEATURE_DISABLED", "", "Git folders are switched off in this workspace"),
    (403, "PERMISSION_DENIED", "", "the principal may not manage this Git folder"),
    (404, "RESOURCE_DOES_NOT_EXIST", "Repo could not be found", "the Git folder is gone"),
    (409, "ABORTED", "", "another Git operation runs in this Git folder"),
    (
        429,
        "REQUEST_LIMIT_EXCEEDED",
        "",
        "Databricks throttles this principal, longer than we waited",
    ),
    (404, "", "", NO_API),
    (
        403,
        "PERMISSION_DENIED",
        "The octo-org organization has enforced SAML SSO. Re-authorize the token.",
        "GitHub refused the stored Git credential: it is wrong or has expired",
    ),
    (
        403,
        "PERMISSION_DENIED",
        "Git provider credentials do not have access to the repository.",
        "GitHub refused the stored Git credential: it is wrong or has expired",
    ),
    (
        409,
        "CONFLICT",
        "A Git operation is in progress for this repo, try again.",
        "another Git operation runs in this Git folder",
    ),
    (
        400,
        "BAD_REQUEST",
        "Cannot pull: local branch and remote branch have no common ancestor",
        "the Git folder holds commits that are not on GitHub",
    ),
    (
        400,
        "BAD_REQUEST",
        "You have an ongoing rebase in this Git folder. Continue or abort it first.",
        "git reports a merge conflict in the Git folder",
    ),
    (
        400,
        "BAD_REQUEST",
        "Unable to find remote branch feature/x",
        "the branch is not on GitHub any more",
    ),
    (
        404,
        "RESOURCE_DOES_NOT_EXIST",
        "Branch feature/x could not be found in the remote.",
        "the branch is not on GitHub any more",
    ),
    (504, "", "", "Databricks was not available, longer than we waited"),
    (502, "", "", "Databricks was not available, longer than we waited"),
    (400, "INVALID_STATE", "", "another Git operation runs in this Git folder"),
    (503, "TEMPORARILY_UNAVAILABLE", "", "Databricks was not available, longer than we waited"),
    (500, "INTERNAL_ERROR", "", "Databricks was not available, longer than we waited"),
]


@pytest.mark.parametrize(("status", "error_code", "message", "reason"), KNOWN)
def test_a_known_error_has_a_reason_and_a_next_step(status, error_code, message, reason):
    failure = explain(an_api_error(status, error_code, message))

    assert failure.reason == reason
    assert failure.next_step


# What other calls than an update were answered.
ASKED = [
    (LIST, 403, "PERMISSION_DENIED", "", "the principal may not read it"),
    (LIST, 403, "403", "Invalid access token.", TOKEN),
    (LIST, 403, "403", "The access token has expired.", TOKEN),
    (LIST, 403, "", "Token is expiring within 30 seconds. (token expired)", TOKEN),
    (LIST, 403, "403", "JWT has expired", TOKEN),
    (LIST, 401, "", "Token has expired.", TOKEN),
    (LIST, 401, "", "Invalid Git provider credentials", TOKEN),
    (LIST, 400, "", "io.jsonwebtoken.IncorrectClaimException: Expected aud claim", TOKEN),
    (LIST, 403, "", "Personal access tokens are disabled for this workspace.", TOKEN),
    (
        LIST,
        403,
        "PERMISSION_DENIED",
        "Ada has no View on /x/token",
        "the principal may not read it",
    ),
    (LIST, 403, "", "Error 403 User not authorized.", NO_MEMBER),
    (LIST, 403, "", "User is not authorized to access this workspace 123.", NO_MEMBER),
    (LIST, 403, "", "Disabled for users without the workspace-access entitlement.", NO_MEMBER),
    (LIST, 403, "", "Unauthorized network access to workspace: 123", NETWORK),
    (LIST, 403, "", "Source IP address: 1.2.3.4 is blocked by Databricks IP ACL", NETWORK),
    (LIST, 404, "", "Not Found", NO_API),
    (LIST, 404, "ENDPOINT_NOT_FOUND", "No API found", NO_API),
    (LIST, 404, "FEATURE_DISABLED", "", "Git folders are switched off in this workspace"),
    (
        LIST,
        404,
        "RESOURCE_DOES_NOT_EXIST",
        "Path (/x) doesn't exist.",
        "Databricks says that there is no such path",
    ),
    (LIST, 400, "", "Branch x does not exist", "Databricks answered 400: Branch x does not exist"),
    (GET, 403, "PERMISSION_DENIED", "", "the principal may not read it"),
    (GET, 404, "RESOURCE_DOES_NOT_EXIST", "", "the Git folder is gone"),
    (CREDENTIALS, 403, "PERMISSION_DENIED", "", "the principal may not store a Git credential"),
]


@pytest.mark.parametrize(("call", "status", "error_code", "message", "reason"), ASKED)
def test_what_another_call_was_answered_is_not_explained_as_a_pull(
    call, status, error_code, message, reason
):
    exc = ApiError(call, status=status, error_code=error_code, message=message)

    failure = explain(exc)

    assert in_words(exc) == (reason, failure.next_step)
    assert failure.next_step
    assert not failure.credential


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("words", ["Token has expired.", "The access token has expired."])
def test_a_workspace_that_refuses_the_token_has_no_new_git_credential_stored(status, words):
    failure = explain(an_api_error(status, "403", words))

    assert (failure.reason, failure.credential) == (TOKEN, False)


def test_the_errors_of_another_system_are_told_in_its_own_words():
    exc = ApiError(
        "GET https://api.github.com/repos/octo-org/etl",
        status=403,
        message="Although you appear to have the correct authorization, an IP allow list is enabled",
    )

    assert in_words(exc) == (str(exc), "correct this, then re-run")
    assert in_words(UnreachableError("no answer"))[0] == "no answer"


def test_every_row_is_met_by_an_example():
    met = {explain(an_api_error(*example[:3])) for example in KNOWN}
    met |= {
        explain(ApiError(call, status=status, error_code=code, message=words))
        for call, status, code, words, _ in ASKED
    }

    assert {row.failure for row in ROWS} <= met


# Whose cure is in our hands, and how each ends; all others are plain failures.
CREDENTIAL = {
    "no Git credential is stored for the identity that pulls",
    "GitHub refused the stored Git credential: it is wrong or has expired",
    "GitHub does not show the repository to the stored Git credential",
}
AMBIGUOUS = {"several Git credentials fit and none is the default"}
CONCLUSIONS = {
    "the Git folder holds commits that are not on GitHub": Conclusion.ACTION_REQUIRED,
    "somebody edited files in the Git folder that the push changes too": Conclusion.ACTION_REQUIRED,
    "git reports a merge conflict in the Git folder": Conclusion.ACTION_REQUIRED,
    "git ran longer than Databricks allows; it may still finish by itself": Conclusion.TIMED_OUT,
    "the Git folder is gone": Conclusion.SKIPPED,
}


@pytest.mark.parametrize("example", KNOWN)
def test_how_a_known_error_ends_and_what_may_cure_it(example):
    failure = explain(an_api_error(*example[:3]))

    assert failure.conclusion is CONCLUSIONS.get(failure.reason, Conclusion.FAILURE)
    assert failure.credential is (failure.reason in CREDENTIAL)
    assert failure.ambiguous is (failure.reason in AMBIGUOUS)


NAMES = ["uncommitted", "diverged", "merge conflict in", "branch does not exist", "local changes"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("status", "error_code", "message", "reason"),
    [
        (409, "ABORTED", "Another operation on branch {}", "another Git operation runs"),
        (400, "BAD_REQUEST", "Can not update '{}' now", "Databricks answered 400"),
        (500, "INTERNAL_ERROR", "failed to inspect {}", "Databricks was not available"),
        (403, "PERMISSION_DENIED", "No Manage on /Repos/{}", "the principal may not manage"),
        (
            409,
            "GIT_CONFLICT",
            "The local commits of branch '{}' and the remote branch have diverged.",
            "the Git folder holds commits",
        ),
        (
            409,
            "GIT_CONFLICT",
            "Your local changes to the following files would be overwritten: {}",
            "somebody edited files",
        ),
        (404, "RESOURCE_DOES_NOT_EXIST", "Repo '{}' could not be found", "the Git folder is gone"),
    ],
)
def test_the_names_of_branches_and_files_explain_nothing(status, error_code, message, reason, name):
    failure = explain(an_api_error(status, error_code, message.format(name)))

    assert failure.reason.startswith(reason)


def test_an_unknown_error_repeats_what_the_api_said():
    failure = explain(an_api_error(418, "TEAPOT", "short and stout"))

    assert failure.reason == "Databricks answered 418: TEAPOT short and stout"
    assert failure.conclusion is Conclusion.FAILURE


@pytest.mark.parametrize("error_code", ["GIT_CONFLICT"])
def test_a_conflict_needs_a_person(error_code):
    assert explain(an_api_error(409, error_code)).conclusion is Conclusion.ACTION_REQUIRED
