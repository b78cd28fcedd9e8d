"""Registering an App from a manifest: two pages for the browser, and the conversion over REST."""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import JSONResponse, Response

from sandbox.github.api.call import Call, route
from sandbox.github.errors import not_found
from sandbox.github.representations import objects
from sandbox.github.state.apps import App, NameTakenError
from sandbox.github.state.manifest import Manifest, ManifestInvalidError, read_manifest
from sandbox.github.state.state import State
from sandbox.github.web import pages
from sandbox.github.web.call import Visit, lead_to, page, web_route
from sandbox.github.webhooks.announcements import announce_ping

PERSONAL = "/settings/apps"
ORGANIZATIONAL = "/organizations/{organization}/settings/apps"


def register(state: State, manifest: Manifest, owner: str) -> App:
    """Register an App under an account; its webhook, if it has one, is pinged."""
    app = state.apps.add(manifest, owner=owner)
    state.bot(app)
    if app.hook.active:
        announce_ping(state, app)
    return app


def ask(visit: Visit) -> Response:
    """GET and POST .../settings/apps/new: show what the manifest asks for."""
    if (owner := _owner(visit)) is None:
        raise not_found()
    text = visit.field("manifest")
    try:
        manifest = _manifest(visit, text)
    except ManifestInvalidError as exc:
        return page(pages.invalid_manifest(exc.problems), 422)
    return _form(visit, manifest, owner, name=manifest.name)


def create(visit: Visit) -> Response:
    """POST .../settings/apps: the user has agreed; redirect to the sender of the manifest."""
    if (owner := _owner(visit)) is None:
        raise not_found()
    try:
        manifest = _manifest(visit, visit.field("manifest"))
    except ManifestInvalidError as exc:
        return page(pages.invalid_manifest(exc.problems), 422)
    state, name = visit.state, visit.field("name").strip()
    if problems := state.apps.naming_problems(name):
        return _form(visit, manifest, owner, name=name, problems=problems)
    try:
        app = register(state, replace(manifest, name=name), owner)
    except NameTakenError as exc:
        return _form(visit, manifest, owner, name=name, problems=[str(exc)])
    answer = {"code": state.apps.give_code(app)}
    if wanted := visit.field("state"):
        answer["state"] = wanted
    return lead_to(manifest.redirect_url or manifest.url, **answer)


def convert(call: Call) -> Response:
    """POST /app-manifests/{code}/conversions: once, by whoever has the code."""
    state = call.state
    app = state.apps.take_code(call.part("code"))
    if app is None:
        raise not_found()
    shown = objects.app(state.url, app, state.publisher(app))
    secrets = {
        "client_secret": app.client_secret,
        "webhook_secret": app.hook.secret if app.hook.url is not None else None,
        "pem": state.apps.add_key(app),
    }
    return JSONResponse({**shown, **secrets}, 201)


def _owner(visit: Visit) -> str | None:
    """Return the login of the account that the App will be registered under."""
    organization = visit.part("organization")
    if not organization:
        return visit.state.user().login
    found = visit.state.accounts.find(organization)
    return found.login if found is not None and found.type == "Organization" else None


def _manifest(visit: Visit, text: str) -> Manifest:
    return read_manifest(text, allow_local_hooks=visit.state.switches.allow_local_hooks)


def _form(
    visit: Visit, manifest: Manifest, owner: str, *, name: str, problems: list[str] | None = None
) -> Response:
    organization = visit.part("organization")
    path = ORGANIZATIONAL.format(organization=organization) if organization else PERSONAL
    shown = pages.new_app(
        manifest,
        visit.field("manifest"),
        action=visit.state.url + path,
        owner=owner,
        state=visit.field("state"),
        name=name,
        problems=problems or (),
    )
    return page(shown, 422 if problems else 200)


WEB_ROUTES = [
    web_route(methods, prefix + path, handler)
    for prefix in (PERSONAL, ORGANIZATIONAL)
    for methods, path, handler in ((("GET", "POST"), "/new", ask), (("POST",), "", create))
]
ROUTES = [route("POST", "/app-manifests/{code}/conversions", convert)]
