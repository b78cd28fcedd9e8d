"""GitHub's API: values in, calls out.

`app` is the App and its HTTP client, `identity` signs its JWT, `tokens` mints and caches
installation tokens, `installation` has the calls of one installation, `access` those for one
repository, `registration` those about the App itself. `rate_limits` spaces the calls. `events`
and `payload` parse what GitHub sends, `check_run` and `manifest` are values, and `confirm` asks
whether a repository is still there.
"""
