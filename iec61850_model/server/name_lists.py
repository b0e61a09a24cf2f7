"""Name lists page by page: which devices, variables, data sets and logs there are (8-2 clauses 9 to 11)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from iec61850_model.mms.pdu import (
    OBJECT_NON_EXISTENT,
    GetNameListRequest,
    GetNameListResponse,
    MmsError,
    ObjectClass,
    ObjectScope,
)
from iec61850_model.server.control import Client
from iec61850_model.server.data_sets import DataSets
from iec61850_model.server.logs import Logs
from iec61850_model.tree import Tree

NAME_OVERHEAD = 25
"""Octets of XML around one name in a getNameList response."""
RESPONSE_OVERHEAD = 600
"""Octets of XML around the names, with association context and stanza."""


class NameLists:
    """What getNameList lists of a server, in ASCII order.

    GetServerDirectory, GetLogicalDeviceDirectory and GetLogicalNodeDirectory.
    """

    def __init__(self, tree: Tree, data_sets: DataSets, logs: Logs) -> None:
        self._tree = tree
        self._data_sets = data_sets
        self._logs = logs

    def get(
        self, client: Client, request: GetNameListRequest, pdu_size: int
    ) -> GetNameListResponse | MmsError:
        """As many names as fit ``pdu_size`` octets; the rest follows ``continue_after``."""
        names = self._names(client, request)
        if names is None:
            return OBJECT_NON_EXISTENT
        start = 0 if request.continue_after is None else bisect_right(names, request.continue_after)
        room = pdu_size - RESPONSE_OVERHEAD
        page: list[str] = []
        for name in names[start:]:
            room -= len(name) + NAME_OVERHEAD
            if room < 0:
                break
            page.append(name)
        return GetNameListResponse(tuple(page), more_follows=start + len(page) < len(names))

    def _names(self, client: Client, request: GetNameListRequest) -> Sequence[str] | None:
        """All names asked for; None if the logical device does not exist."""
        match request.object_class, request.scope:
            case ObjectClass.DOMAIN, ObjectScope.VMD:
                return sorted(self._tree.devices)
            case ObjectClass.NAMED_VARIABLE_LIST, ObjectScope.AA:
                return self._data_sets.own_names(client)
            case _, ObjectScope.DOMAIN:
                return self._of_device(request.object_class, request.domain or "")
        return ()

    def _of_device(self, listed: ObjectClass, ld: str) -> Sequence[str] | None:
        device = self._tree.devices.get(ld)
        if device is None:
            return None
        match listed:
            case ObjectClass.NAMED_VARIABLE:
                return device.variable_names()
            case ObjectClass.NAMED_VARIABLE_LIST:
                return self._data_sets.names(ld)
            case ObjectClass.JOURNAL:
                return self._logs.names(ld)
        return ()
