"""The one package that Brickpush installs, and the launcher of its programs.

In a checkout `promotion/`, `hooks/` and `github_app/` lie beside this folder; an installation has
them in `_parts/`, a folder of its own, so that packages of the same names, which many projects
have, neither replace them nor are replaced. `launch` finds them either way.
"""
