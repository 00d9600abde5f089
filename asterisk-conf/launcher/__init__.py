"""Finds or unpacks Asterisk, renders an instance into a private folder, runs it.

Standard library only: it runs before any virtual environment exists, and in the container image.
Not part of the adapter. It knows nothing of calls, but for `carrier`.
"""
