"""REST for the App's webhook: its configuration and the log of deliveries."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from starlette.responses import JSONResponse, Response

from sandbox.github.api.call import Call, route
from sandbox.github.errors import ApiError, not_found
from sandbox.github.representations.objects import Json, timestamp
from sandbox.github.state.apps import App
from sandbox.github.state.deliveries import Delivery

CURSOR = "v1_"
STATUS_CODES = {"success": range(200, 400), "failure": range(400, 600)}


def get_config(call: Call) -> Response:
    """GET /app/hook/config: the secret itself is never shown."""
    hook = call.require_app().hook
    config: Json = {"content_type": hook.content_type, "insecure_ssl": hook.insecure_ssl}
    if hook.url is not None:
        config["url"] = hook.url
    if hook.secret:
        config["secret"] = "********"
    return JSONResponse(config)


def update_config(call: Call) -> Response:
    """PATCH /app/hook/config: takes effect with the next delivery."""
    hook, fields = call.require_app().hook, call.fields()
    content_type = fields.get("content_type", hook.content_type)
    if content_type not in ("json", "form"):
        raise ApiError(422, "content_type must be json or form")
    hook.content_type = content_type
    if isinstance(url := fields.get("url"), str):
        hook.url = url
    if isinstance(secret := fields.get("secret"), str):
        hook.secret = secret
    hook.insecure_ssl = str(fields.get("insecure_ssl", hook.insecure_ssl))
    return get_config(call)


def list_deliveries(call: Call) -> Response:
    """GET /app/hook/deliveries: every attempt, newest first."""
    found = call.require_app().deliveries.retained()[::-1]
    if status := call.query("status"):
        if status not in STATUS_CODES:
            raise ApiError(422, "status must be success or failure")
        found = [one for one in found if one.status_code in STATUS_CODES[status]]
    if cursor := call.query("cursor"):
        found = _from_cursor(found, cursor)
    size = call.per_page()
    more = found[size:]
    links = call.links({"next": {"cursor": f"{CURSOR}{more[0].id}"}} if more else {})
    return JSONResponse([_item(one) for one in found[:size]], headers=links)


def get_delivery(call: Call) -> Response:
    """GET /app/hook/deliveries/{id}: with what was sent and what came back."""
    _, one = _found(call)
    details: Json = {
        **_item(one),
        "url": one.url,
        "request": {"headers": dict(one.request_headers), "payload": dict(one.payload)},
        "response": {"headers": dict(one.response_headers), "payload": one.response_body},
    }
    return JSONResponse(details)


def redeliver(call: Call) -> Response:
    """POST /app/hook/deliveries/{id}/attempts."""
    app, one = _found(call)
    app.deliveries.redeliver(one)
    return JSONResponse({}, 202)


def _found(call: Call) -> tuple[App, Delivery]:
    """Return the App that calls and the delivery in the path, if GitHub still has it."""
    app, wanted = call.require_app(), int(call.part("delivery_id"))
    found = next((one for one in app.deliveries.retained() if one.id == wanted), None)
    if found is None:
        raise not_found()
    return app, found


def _from_cursor(deliveries: Sequence[Delivery], cursor: str) -> list[Delivery]:
    first = cursor.removeprefix(CURSOR)
    if not first.isdecimal():
        raise ApiError(422, "Invalid cursor")
    # Newest first.
    return list(deliveries[bisect.bisect_left(deliveries, -int(first), key=lambda one: -one.id) :])


def _item(one: Delivery) -> Json:
    return {
        "id": one.id,
        "guid": one.guid,
        "delivered_at": timestamp(one.delivered_at),
        "redelivery": one.redelivery,
        "duration": one.duration,
        "status": one.status,
        "status_code": one.status_code,
        "event": one.event,
        "action": one.action,
        "installation_id": one.installation_id,
        "repository_id": one.repository_id,
        "throttled_at": None,
    }


ROUTES = [
    route("GET", "/app/hook/config", get_config),
    route("PATCH", "/app/hook/config", update_config),
    route("GET", "/app/hook/deliveries", list_deliveries),
    route("GET", "/app/hook/deliveries/{delivery_id:int}", get_delivery),
    route("POST", "/app/hook/deliveries/{delivery_id:int}/attempts", redeliver),
]
