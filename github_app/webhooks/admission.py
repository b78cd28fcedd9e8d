"""Which deliveries are acted upon: ours, and of accounts that may use this service. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from github_app.webhooks.delivery import Delivery


class Admission:
    """Tells strangers and echoes from what is to be promoted.

    A public App can be installed by anyone on GitHub, and an App hears of its own check runs.
    """

    def __init__(self, app_id: int | None = None, allowed_owners: Iterable[str] = ()) -> None:
        self._app_id = app_id
        self._allowed = frozenset(owner.casefold() for owner in allowed_owners)

    def allows(self, owner: str) -> bool:
        """Say whether an account may use this service; with no list, every account may."""
        return not self._allowed or owner.casefold() in self._allowed

    def refusal(self, delivery: Delivery) -> str:
        """Return why a delivery is ignored; empty where it is not."""
        if delivery.owner is not None and not self.allows(delivery.owner):
            return f"{delivery.owner} is not in github.allowed_owners"
        asked = delivery.rerequest
        if asked is not None and asked.by_itself:
            return "the App asked itself"
        known = self._app_id is not None and asked is not None and asked.app_id is not None
        if known and asked is not None and asked.app_id != self._app_id:
            return "the check is another App's"
        return ""
