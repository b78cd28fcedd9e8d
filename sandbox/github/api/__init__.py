"""The REST API and git over HTTP."""
