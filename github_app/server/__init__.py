"""The HTTP server: `http` serves, `limits` bounds requests, `details_page` shows a promotion."""
