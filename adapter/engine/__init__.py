"""The shell around the core: one event loop owns the calls, each input runs to its commit."""
