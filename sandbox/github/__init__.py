"""A stand-in GitHub: `server` starts it, `site` routes requests.

`state` is what GitHub knows, `git` its repositories, `api` the REST API and git over HTTP, `web`
the pages people click through, `webhooks` what it sends; `controls` is for tests.
"""
