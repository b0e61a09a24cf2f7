"""getNameList as a client uses it: all names, page by page (8-2 clauses 9 to 11)."""

from __future__ import annotations

from dataclasses import replace

from iec61850_model.client.errors import BadAnswer
from iec61850_model.client.exchange import Exchange
from iec61850_model.mms.pdu import GetNameListRequest, GetNameListResponse

MAX_PAGES = 256
"""Pages of one name list; at 1,300 names a page more than any device has. Ends a device that repeats
itself."""


async def all_names(
    exchange: Exchange, peer: str, request: GetNameListRequest, prefix: str = ""
) -> list[str]:
    """All names, as long as they begin with ``prefix``, after the request's ``continue_after``.

    Raises NoSuchObject if there is no such logical device, BadAnswer if the device does not come to an end.
    """
    what = f"the names in {request.domain}" if request.domain else f"the names of {peer}"
    names: list[str] = []
    after = request.continue_after
    for _ in range(MAX_PAGES):
        page = replace(request, continue_after=after)
        answer = await exchange.confirmed(peer, page, GetNameListResponse, what)
        wanted = [name for name in answer.identifiers if name.startswith(prefix)]
        names += wanted
        if not answer.more_follows or len(wanted) < len(answer.identifiers):
            return names
        if not answer.identifiers or answer.identifiers[-1] == after:
            raise BadAnswer(f"{peer} says that more of {what} follow, but gives none")
        after = answer.identifiers[-1]
    raise BadAnswer(f"{peer} gives more than {MAX_PAGES} pages of {what}")
