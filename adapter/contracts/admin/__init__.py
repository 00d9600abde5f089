"""Provisioning: what an operator declares in a TOML file. No HTTP here; `ari-voice apply` reads it.

`models.py` says what a file can declare, `parse.py` reads one and finds everything wrong with it.
"""
