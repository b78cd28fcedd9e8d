"""What tests change and read."""
