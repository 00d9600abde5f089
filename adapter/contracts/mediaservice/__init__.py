"""Mediaservice: its REST API, its callbacks, its call flow. No call logic: see `adapter.core`."""

NAME = "mediaservice"
"""Under which calls and callbacks of this contract are stored."""

BASE = "/mediaservice"
"""Path before ``/{domain}/...``."""
