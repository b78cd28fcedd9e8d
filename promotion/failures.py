"""What an error of Databricks means, and what to do about it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from promotion.errors import ApiError, PromotionError
from promotion.outcome import Conclusion


@dataclass(frozen=True)
class Failure:
    """An error in plain words."""

    reason: str
    next_step: str
    conclusion: Conclusion = Conclusion.FAILURE
    credential: bool = False  # whether another Git credential may help
    ambiguous: bool = False  # whether naming one of several Git credentials may help


@dataclass(frozen=True)
class _Row:
    """One known error: among *statuses*, and known by its code or by its words."""

    failure: Failure
    statuses: tuple[int, ...] = ()  # empty: any
    error_codes: tuple[str, ...] = ()
    message: str = ""  # a regular expression, case-insensitive

    def matches(self, exc: ApiError) -> bool:
        if self.statuses and exc.status not in self.statuses:
            return False
        if not self.error_codes and not self.message:
            return True
        said = self.message and re.search(self.message, exc.message, re.IGNORECASE)
        return exc.error_code in self.error_codes or bool(said)


def explain(exc: ApiError) -> Failure:
    """Return the first row that fits; the codes of git errors are loose, so messages count too."""
    return next((row.failure for row in ROWS if row.matches(exc)), _unknown(exc))


def in_words(exc: PromotionError) -> tuple[str, str]:
    """Return the reason and the next step of any error."""
    if isinstance(exc, ApiError):
        failure = explain(exc)
        return failure.reason, failure.next_step
    return str(exc), "correct this, then re-run"


def _unknown(exc: ApiError) -> Failure:
    words = " ".join(part for part in (exc.error_code, exc.message) if part)
    return Failure(
        f"Databricks answered {exc.status}{': ' + words if words else ''}",
        "open the Git folder in Databricks and pull there: it tells more",
    )


def _conflict(reason: str, next_step: str) -> Failure:
    return Failure(reason, next_step, Conclusion.ACTION_REQUIRED)


ROWS = (
    _Row(
        Failure(
            "no Git credential is stored for the identity that pulls",
            "let Brickpush store one, or add one under Settings > Linked accounts",
            credential=True,
        ),
        message=r"missing git provider credentials|no git credential",
    ),
    _Row(
        Failure(
            "GitHub refused the stored Git credential: it is wrong or has expired",
            "check that the GitHub App is installed on the repository, then re-run",
            credential=True,
        ),
        message=r"invalid git provider credentials|token has expired|bad credentials",
    ),
    _Row(
        Failure(
            "several Git credentials fit and none is the default",
            "mark one as the default under Settings > Linked accounts",
            ambiguous=True,
        ),
        error_codes=("GIT_CLI_CANNOT_CHOOSE_CREDENTIAL",),
        message=r"cannot choose .*credential|multiple git credentials",
    ),
    _Row(
        Failure(
            "Databricks could not sign in to Azure DevOps for this folder",
            "the folder's remote is not GitHub: leave it out by a rule",
        ),
        message=r"azure active directory credentials|AAD credentials",
    ),
    _Row(
        Failure(
            "GitHub does not show the repository to the stored Git credential",
            "add the repository to the GitHub App's installation, or correct the folder's URL",
            credential=True,
        ),
        message=r"remote repo(sitory)? not found|repository not found",
    ),
    _Row(
        Failure(
            "the repository's host is not on the workspace's allow list of Git URLs",
            "ask a workspace admin to add it under Settings > Development > Git URL allow list",
        ),
        error_codes=("GIT_URL_NOT_ON_ALLOW_LIST",),
        message=r"allow ?list",
    ),
    _Row(
        Failure(
            "the branch is not on GitHub any more",
            "check out another branch in this Git folder",
        ),
        error_codes=("GIT_UNKNOWN_REF",),
        message=r"(branch|ref|tag) .*(does not exist|not found)|unknown ref",
    ),
    _Row(
        _conflict(
            "the Git folder holds commits that are not on GitHub",
            "push them or reset the branch in the Git folder, then re-run",
        ),
        message=r"diverge|unpushed|local commits|not possible to fast-forward",
    ),
    _Row(
        _conflict(
            "somebody edited files in the Git folder that the push changes too",
            "commit or discard the edits in the Git folder, then re-run",
        ),
        message=r"uncommitted|local changes|would be overwritten|unstaged|untracked",
    ),
    _Row(
        _conflict(
            "git reports a merge conflict in the Git folder",
            "resolve or abort it in the Git folder, then re-run",
        ),
        error_codes=("GIT_CONFLICT",),
        message=r"merge conflict|conflicts? (in|with)",
    ),
    _Row(
        Failure(
            "the commit holds what looks like a secret, and Databricks refuses it",
            "remove the secret from the commit and revoke it",
        ),
        error_codes=("GIT_SENSITIVE_TOKEN_DETECTED",),
    ),
    _Row(
        Failure(
            "the workspace forbids notebooks with outputs (.ipynb) in Git folders",
            "ask a workspace admin, or clear the outputs and push again",
        ),
        error_codes=("IPYNB_FILE_IN_REPO",),
    ),
    _Row(
        Failure(
            "the repository is larger than Databricks takes",
            "use a sparse Git folder, or make the branch smaller",
        ),
        message=r"exceeds? .*(limit|size|memory)|too (large|many files)|out of (memory|disk)",
    ),
    _Row(
        Failure(
            "git ran longer than Databricks allows; it may still finish by itself",
            "re-run in some minutes; a sparse Git folder is faster",
            Conclusion.TIMED_OUT,
        ),
        error_codes=("PROJECTS_OPERATION_TIMEOUT", "DEADLINE_EXCEEDED"),
    ),
    _Row(
        Failure(
            "Databricks could not reach the repository's host",
            "check githubstatus.com, and that the host can be reached from Databricks",
        ),
        error_codes=("GIT_REMOTE_ERROR", "INSECURE_PARTNER_RESPONSE", "MALFORMED_PARTNER_RESPONSE"),
    ),
    _Row(
        Failure(
            "the workspace's IP access list does not let this machine in",
            "ask a workspace admin to add this machine's address to the IP access list",
        ),
        statuses=(403,),
        message=r"unauthorized access to org|ip access list|blocked by .*ip",
    ),
    _Row(
        Failure(
            "the principal is not a member of this workspace",
            "add the service principal under Settings > Identity and access",
        ),
        statuses=(401, 403),
        message=r"not (a member|assigned|found in|part of)|user not found|not added to",
    ),
    _Row(
        Failure(
            "Databricks did not accept the access token",
            "check the tenant, the client id and this machine's clock",
        ),
        statuses=(401,),
    ),
    _Row(
        Failure(
            "Git folders are switched off in this workspace",
            "ask a workspace admin to enable them",
        ),
        error_codes=("FEATURE_DISABLED", "ENDPOINT_NOT_FOUND"),
    ),
    _Row(
        Failure(
            "the principal may not manage this Git folder",
            "grant it Can Manage on the folder, or on a directory above it",
        ),
        statuses=(403,),
    ),
    _Row(
        Failure(
            "the Git folder is gone",
            "nothing is to be done, unless it was deleted by mistake",
            Conclusion.SKIPPED,
        ),
        statuses=(404,),
    ),
    _Row(
        Failure(
            "another Git operation runs in this Git folder",
            "re-run when it has ended",
        ),
        error_codes=("ABORTED", "RESOURCE_CONFLICT", "INVALID_STATE"),
    ),
    _Row(
        Failure(
            "Databricks throttles this principal, longer than we waited",
            "re-run in some minutes",
        ),
        statuses=(429,),
    ),
    _Row(
        Failure(
            "Databricks was not available, longer than we waited",
            "re-run in some minutes; status.azuredatabricks.net tells about outages",
        ),
        statuses=(500, 502, 503, 504),
    ),
)
