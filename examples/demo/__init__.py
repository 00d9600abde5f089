"""The demonstration: `python -m examples.demo` makes two real calls and shows everything of them.

With `--stay` the same is started and stays up, for you to try things by hand.
"""
