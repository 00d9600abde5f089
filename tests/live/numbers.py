"""Numbers of the simulated carrier (docs/carrier.md)."""

ANSWERS = "+15550108"  # and stays, silent
ECHOES = "+15550100"
MACHINE = "+15550104"  # rings 1 s, greets, beeps, and stays, silent
RINGS_THEN_ANSWERS = "+15552103"  # after 3 s
RINGS_OUT = "+15550107"
REDIRECTS = "+15550109"
BUSY = "+15550486"
REJECTS = "+15550603"
UNALLOCATED = "+15550404"
CONGESTED = "+15550503"


def presses(keys: str, after: int = 3) -> str:
    """Answers, waits so many seconds, and presses keys."""
    return f"+15553{after:02}{keys}"


def hangs_up_after(seconds: int) -> str:
    """Answers, and hangs up so many seconds later."""
    return f"+155522{seconds:02}"
