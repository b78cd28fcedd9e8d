"""Confirm with GitHub that a repository is gone before an event stops its promotions.

GitHub signs only the body of an event, so an old event can be delivered again at any time. Events
also arrive late and in any order.
"""

from __future__ import annotations

from github_app.github.app import GitHubApp
from github_app.github.tokens import InstallationGoneError, NotAllowedError, SuspendedError
from promotion.errors import ApiError, PromotionError


class GoneError(PromotionError):
    """GitHub has confirmed that a branch must no longer be promoted.

    *lost*: the App can't reach the repository any more, not even under another name.
    """

    def __init__(self, reason: str, *, lost: bool = False) -> None:
        super().__init__(reason)
        self.lost = lost


def confirm(app: GitHubApp, repository: str, repository_id: int) -> None:
    """Raise GoneError if GitHub confirms that a repository must no longer be promoted.

    Raises another PromotionError if GitHub can't be asked now.
    """
    try:
        found = app.find(repository).repository
    except ApiError as exc:
        if exc.status != 404:
            raise
        reason = f"GitHub shows no {repository} to the App: it was deleted, or the App uninstalled"
        raise GoneError(reason, lost=True) from exc
    except (InstallationGoneError, SuspendedError, NotAllowedError) as exc:
        raise GoneError(str(exc)) from exc
    if found.id != repository_id:
        raise GoneError(f"{repository} now names another repository", lost=True)
    if found.archived:
        raise GoneError(f"{repository} is archived")
