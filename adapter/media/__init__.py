"""What a caller hears: speech rendered once and kept, stored prompts, and their audio format.

`wav.py` the format, `tts_cache.py` the rendering, `prompts.py` from a phrase to a media URI.
"""
