"""A stand-in Microsoft Entra ID: tenants, service principals and their access tokens."""

from sandbox.entra.server import Entra, Principal, TokenRequest

__all__ = ["Entra", "Principal", "TokenRequest"]
