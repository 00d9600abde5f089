"""Asterisk through ARI, as it is: typed verbs, typed events, one supervised WebSocket.

Nothing here knows what a call is. Ids come in and go out as text; what an event means for a
call is decided by whoever listens.
"""
