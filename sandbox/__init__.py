"""A stand-in GitHub, Entra ID and Databricks on loopback, for the demo and the tests.

`sandbox` opens all three; `world` names what is in them, `faults` makes them fail.
"""
