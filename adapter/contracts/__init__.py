"""Front ends: each translates one vendor's contract to the engine; none holds call logic."""
