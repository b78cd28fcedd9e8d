"""An App's public page, and installing it on an account from the browser."""

from __future__ import annotations

from starlette.responses import Response

from sandbox.github.errors import not_found
from sandbox.github.representations.objects import installation_page
from sandbox.github.state.apps import App
from sandbox.github.state.installations import Account
from sandbox.github.state.repositories import Hosted
from sandbox.github.state.state import State
from sandbox.github.web import pages
from sandbox.github.web.call import Visit, lead_to, page, web_route
from sandbox.github.webhooks import lifecycle


def show_app(visit: Visit) -> Response:
    """GET /apps/{slug}, and /github-apps/{slug} as on GitHub Enterprise Server."""
    app = _app(visit)
    return page(pages.app(app, _install_url(visit.state, app)))


def ask(visit: Visit) -> Response:
    """GET /apps/{slug}/installations/new."""
    app, state = _app(visit), visit.state
    accounts = _eligible(state, app)
    logins = {account.login.lower() for account in accounts}
    reachable = [one for one in state.repositories.all() if one.repository.owner.lower() in logins]
    shown = pages.new_installation(
        app, accounts, reachable, action=_install_url(state, app), state=visit.field("state")
    )
    return page(shown)


def install(visit: Visit) -> Response:
    """POST /apps/{slug}/installations/new: install, and redirect to the App's setup page.

    If the account already has the App, only the selection changes.
    """
    app, state = _app(visit), visit.state
    account = _account(visit, app)
    chosen = _chosen(visit, account)
    ids = None if chosen is None else [one.repository.id for one in chosen]
    found = state.installations.on_account(app.id, account.login)
    action = "install" if found is None else "update"
    if found is None:
        found = lifecycle.install(state, app, account, ids)
    else:
        lifecycle.select(state, found, ids)
    if app.setup_url is None:
        return lead_to(installation_page(state.url, found))
    query = {"installation_id": str(found.id), "setup_action": action}
    if wanted := visit.field("state"):
        query["state"] = wanted
    return lead_to(app.setup_url, **query)


def show_installation(visit: Visit) -> Response:
    """GET .../settings/installations/{id}."""
    found = visit.state.installations.find(int(visit.part("installation_id")))
    if found is None:
        raise not_found()
    owned = visit.state.repositories.of(found.account.login)
    reached = [one for one in owned if found.reaches(one.repository)]
    return page(pages.installation(found, visit.state.app_of(found), reached))


def _app(visit: Visit) -> App:
    app = visit.state.apps.by_slug(visit.part("slug"))
    if app is None:
        raise not_found()
    return app


def _install_url(state: State, app: App) -> str:
    return f"{state.url}/apps/{app.slug}/installations/new"


def _eligible(state: State, app: App) -> list[Account]:
    """Return where the App can be installed: a private one only where it was registered."""
    owner, user = app.owner.lower(), state.user()
    known = {one.id: one for one in (user, *state.accounts.all())}
    return [one for one in known.values() if app.public or one.login.lower() == owner]


def _account(visit: Visit, app: App) -> Account:
    """Return the account that was chosen, by its id or by its login."""
    wanted = visit.field("target_id")
    for account in _eligible(visit.state, app):
        if wanted.lower() in (str(account.id), account.login.lower()):
            return account
    raise not_found()


def _chosen(visit: Visit, account: Account) -> list[Hosted] | None:
    """Return the account's repositories that were chosen; None for all."""
    if visit.field("selection") != "selected":
        return None
    wanted = set(visit.fields("repository_ids"))
    owned = visit.state.repositories.of(account.login)
    return [one for one in owned if str(one.repository.id) in wanted]


WEB_ROUTES = [
    *(
        web_route((method,), prefix + path, handler)
        for prefix in ("/apps/{slug}", "/github-apps/{slug}")
        for method, path, handler in (
            ("GET", "", show_app),
            ("GET", "/installations/new", ask),
            ("POST", "/installations/new", install),
        )
    ),
    web_route(("GET",), "/settings/installations/{installation_id:int}", show_installation),
    web_route(
        ("GET",),
        "/organizations/{organization}/settings/installations/{installation_id:int}",
        show_installation,
    ),
]
