"""A browser without scripts: it fills in forms, and follows nothing by itself."""

from __future__ import annotations

import re
from html import unescape

import requests


class Browser:
    """Keeps cookies; each request names the authority to trust, as the environment may name one."""

    def __init__(self, session: requests.Session, ca_path: str) -> None:
        self.ca_path = ca_path
        self._session = session

    def post(self, url: str, **fields: object) -> requests.Response:
        return self._session.post(
            url, data=fields, verify=self.ca_path, timeout=20, allow_redirects=False
        )

    def get(self, url: str) -> requests.Response:
        return self._session.get(url, verify=self.ca_path, timeout=20)

    def submit(self, shown: requests.Response, **typed: object) -> requests.Response:
        """Press the only button of the page."""
        [attributes] = re.findall(r"<form ([^>]*)>", shown.text)
        [action] = re.findall(r'action="([^"]*)"', attributes)
        inputs = re.findall(r'<input ([^>]*)name="([^"]*)" value="([^"]*)"([^>]*)', shown.text)
        filled = {
            name: unescape(value)
            for before, name, value, after in inputs
            if not re.search("radio|checkbox", before) or "checked" in after
        }
        return self.post(unescape(action), **{**filled, **typed})
