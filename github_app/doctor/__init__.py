"""`brickpush doctor`: one check per module, each yielding values of `finding`."""
