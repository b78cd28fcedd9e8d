"""The clones behind Git folders."""
