"""Finds or unpacks Asterisk, renders an instance into a private folder, runs it.

Standard library only: it runs before any virtual environment exists and inside the container image.
It is not part of the adapter and knows nothing of calls; `carrier` alone knows the simulated carrier.
"""
