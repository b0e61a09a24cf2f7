"""``scripts/bench``: how fast the hub's parts are, beside a floor measured in the same run."""
