from __future__ import annotations

import pytest
from builders import an_api_error

from promotion.failures import ROWS, explain
from promotion.outcome import Conclusion

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
        "the workspace's IP access list does not let this machine in",
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
    (503, "TEMPORARILY_UNAVAILABLE", "", "Databricks was not available, longer than we waited"),
    (500, "INTERNAL_ERROR", "", "Databricks was not available, longer than we waited"),
]


@pytest.mark.parametrize(("status", "error_code", "message", "reason"), KNOWN)
def test_a_known_error_has_a_reason_and_a_next_step(status, error_code, message, reason):
    failure = explain(an_api_error(status, error_code, message))

    assert failure.reason == reason
    assert failure.next_step


def test_every_row_is_met_by_an_example():
    met = {explain(an_api_error(*example[:3])) for example in KNOWN}

    assert met == {row.failure for row in ROWS}


def test_an_unknown_error_repeats_what_the_api_said():
    failure = explain(an_api_error(418, "TEAPOT", "short and stout"))

    assert failure.reason == "Databricks answered 418: TEAPOT short and stout"
    assert failure.conclusion is Conclusion.FAILURE


@pytest.mark.parametrize("error_code", ["GIT_CONFLICT"])
def test_a_conflict_needs_a_person(error_code):
    assert explain(an_api_error(409, error_code)).conclusion is Conclusion.ACTION_REQUIRED
