"""The bare repositories."""
