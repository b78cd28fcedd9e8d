"""Who promotes from this machine: the developer's own identity, or a service principal's."""
