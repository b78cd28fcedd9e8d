"""A stand-in Databricks workspace: `workspace` starts it.

`state` is what it knows, `git` its clones, `api` the REST API.
"""
