"""The call, as pure functions: no await, no clock, no I/O, no vendor's word."""
