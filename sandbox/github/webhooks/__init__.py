"""Which events are sent to which Apps."""
