"""The pages people click through."""
