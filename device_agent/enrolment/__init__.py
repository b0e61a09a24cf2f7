"""How a box gets its certificate by a one-time code, and the next ones by itself."""
