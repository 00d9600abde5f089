"""Asterisk's manager interface (AMI), for the one thing that ARI has no verb for: MixMonitor.

It knows nothing of calls or files. Everything else goes through `adapter.ari`.
"""
