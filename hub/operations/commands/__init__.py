"""Administering the hub with an ordinary client: ad-hoc commands (XEP-0050) and data forms (XEP-0004)."""
