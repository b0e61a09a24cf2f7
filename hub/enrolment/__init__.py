"""Boxes get their certificates here: the authority, the one-time codes, the component that boxes ask."""
