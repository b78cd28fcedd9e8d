"""The few web pages of the stand-in: plain HTML forms that work without a script. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from sandbox.github.state.apps import App
from sandbox.github.state.installations import Account, Installation
from sandbox.github.state.manifest import Manifest
from sandbox.github.state.repositories import Hosted

STYLE = (
    "body{font:16px system-ui,sans-serif;max-width:38rem;margin:3rem auto;padding:0 1rem}"
    "fieldset,form{margin:1rem 0}label{display:block;margin:.4rem 0}"
    "button{font:inherit;padding:.4rem 1rem}.error{color:#b30000}"
)


def invalid_manifest(problems: Sequence[str]) -> str:
    """Show why no App can be registered."""
    return _page(
        "Invalid GitHub App configuration",
        "<p>The configuration does not appear to be a valid GitHub App manifest.</p>",
        *(f'<p class="error">Error {escape(one)}</p>' for one in problems),
    )


def new_app(
    manifest: Manifest,
    text: str,
    *,
    action: str,
    owner: str,
    state: str,
    name: str,
    problems: Sequence[str] = (),
) -> str:
    """Ask for the App's name and the consent to register it."""
    grants = (f"{name}: {level}" for name, level in sorted(manifest.permissions.items()))
    return _page(
        f"Create GitHub App for {owner}",
        *(f'<p class="error" role="alert">{escape(one)}</p>' for one in problems),
        f'<form method="post" action="{escape(action)}">',
        _hidden({"manifest": text, "state": state}),
        '<label for="name">GitHub App name</label>',
        f'<input id="name" name="name" value="{escape(name)}" maxlength="34" required>',
        f"<p>Homepage: {escape(manifest.url)}</p>",
        f"<p>Webhook: {escape(manifest.hook_url or 'none')}</p>",
        f"<p>Permissions: {escape(', '.join(grants))}</p>",
        f"<p>Events: {escape(', '.join(manifest.events) or 'none')}</p>",
        '<button type="submit">Create GitHub App</button>',
        "</form>",
    )


def app(one: App, install_url: str) -> str:
    """Show an App to everybody."""
    return _page(
        one.name,
        f"<p>{escape(one.description or '')}</p>",
        f"<p>Developed by {escape(one.owner)}</p>",
        f'<p><a href="{escape(install_url)}">Install</a></p>',
    )


def new_installation(
    one: App,
    accounts: Iterable[Account],
    repositories: Iterable[Hosted],
    *,
    action: str,
    state: str,
) -> str:
    """Ask for the account to install the App on, and for the repositories."""
    choices = "".join(
        f'<option value="{account.id}">{escape(account.login)}</option>' for account in accounts
    )
    boxes = "".join(
        f'<label><input type="checkbox" name="repository_ids" value="{each.repository.id}">'
        f" {escape(each.repository.full_name)}</label>"
        for each in repositories
    )
    return _page(
        f"Install {one.name}",
        f'<form method="post" action="{escape(action)}">',
        _hidden({"state": state}),
        '<label for="target_id">Account</label>',
        f'<select id="target_id" name="target_id">{choices}</select>',
        "<fieldset><legend>Repositories</legend>",
        '<label><input type="radio" name="selection" value="all" checked> All repositories</label>',
        '<label><input type="radio" name="selection" value="selected">'
        " Only select repositories</label>",
        f"{boxes}</fieldset>",
        '<button type="submit">Install</button>',
        "</form>",
    )


def installation(one: Installation, of: App, repositories: Iterable[Hosted]) -> str:
    """Show what an App has on an account."""
    names = "".join(f"<li>{escape(each.repository.full_name)}</li>" for each in repositories)
    suspended = "<p>Suspended</p>" if one.suspended_at is not None else ""
    return _page(
        f"{of.name} is installed on {one.account.login}",
        f"<p>Repository access: {one.repository_selection}</p><ul>{names}</ul>{suspended}",
    )


def _page(title: str, *parts: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>"
        f"{''.join(parts)}</main></body></html>"
    )


def _hidden(fields: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )
