"""How old, how far ahead, how long and how many: the bounds of control (DESIGN section 5)."""

from __future__ import annotations

MAX_AGE = 30.0
"""Seconds the T of a command may lie in the past: what was held up is not carried out late."""
MAX_AHEAD = 30.0
"""Seconds the T of a command may lie in the future: beyond that the two clocks disagree."""
REMEMBERED = MAX_AGE + MAX_AHEAD
"""Seconds a command is remembered so that a repeat is answered and not carried out again."""
MAX_REMEMBERED = 64
"""Commands remembered per object; more than one a second is refused, for no relay should be driven so."""
MAX_OPERTM_AHEAD = 7 * 86_400.0
"""Seconds operTm may lie in the future: what is further away is a schedule's business."""

DEFAULT_SBO_TIMEOUT = 30.0
"""Seconds a selection lasts where the model gives no sboTimeout: as long as the T of its command is fresh."""
MAX_SBO_TIMEOUT = 300.0
"""Seconds a selection lasts at most, whatever the model says: the lease of its association."""
DEFAULT_OPER_TIMEOUT = 30.0
"""Seconds the process has for a command of enhanced security where the model gives no operTimeout."""
MAX_OPER_TIMEOUT = 600.0
"""Seconds it has at most: a client that waits longer for its CommandTermination has given up."""
