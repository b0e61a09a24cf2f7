"""Data sets: create, delete and list them (7-2 clause 13; 8-2 clause 14)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from iec61850_model.blocks import DataSetConfig
from iec61850_model.mms.pdu import (
    ACCESS_UNSUPPORTED,
    INVALID_ADDRESS,
    MEMORY_UNAVAILABLE,
    OBJECT_CONSTRAINT_CONFLICT,
    OBJECT_EXISTS,
    OBJECT_NON_EXISTENT,
    OBJECT_UNDEFINED,
    AccessSpecification,
    DefineNamedVariableListRequest,
    DefineNamedVariableListResponse,
    DeleteNamedVariableListRequest,
    DeleteNamedVariableListResponse,
    GetNamedVariableListAttributesResponse,
    MmsError,
    ObjectName,
    VariableListName,
)
from iec61850_model.mms.xer.names import MAX_VARIABLES
from iec61850_model.reference import Reference
from iec61850_model.server import access
from iec61850_model.server.associations import Association
from iec61850_model.server.control import Client
from iec61850_model.tree import Tree
from iec61850_model.values import FunctionalConstraint

MAX_MEMBERS = 128
"""Members of a data set that a client creates (SCL DynDataSet maxAttributes)."""
MAX_CREATED = 32
"""Data sets that clients may create in logical devices (SCL DynDataSet max); they live on with the server."""
MAX_OF_ASSOCIATION = 4
"""``@`` data sets of one association; 32 associations with all of them and all members are some 10 MB."""
MAX_NAME = 32
"""Characters of a data set name (61850-6, tDataSetName)."""
NO_DATA = frozenset(
    {
        FunctionalConstraint.CO,
        FunctionalConstraint.BR,
        FunctionalConstraint.RP,
        FunctionalConstraint.LG,
    }
)
"""What stands under these is no data: a control is operated, a control block has services of its own."""

_NAME = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{MAX_NAME - 1}}}", re.ASCII)
_Members = tuple[Reference, ...]


class DataSets:
    """All data sets of a server.

    What is configured or created in a logical device lives as long as the server; an ``@`` data set as long
    as its association, and nobody else sees it. ``in_use``: who uses data sets (reports, logs) adds a
    question, answered for a logical device and an item ``LN$Name``; to ``in_use_of`` one for the ``@`` data
    sets of a client. Raises ValueError for a configured one without members, or with more than fit a PDU.
    """

    def __init__(self, tree: Tree, configs: Sequence[DataSetConfig]) -> None:
        self._tree = tree
        for one in configs:
            if not 0 < len(one.members) <= MAX_VARIABLES:
                raise ValueError(
                    f"{one.ld}/{one.item} has {len(one.members)} members, not 1 to {MAX_VARIABLES}"
                )
        self._of_domain = {(one.ld, one.item): one.members for one in configs}
        self._configured = frozenset(self._of_domain)
        self._own: dict[Client, dict[str, _Members]] = {}
        self.in_use: list[Callable[[str, str], bool]] = []
        self.in_use_of: list[Callable[[Client, str], bool]] = []

    def members(self, ld: str, item: str) -> tuple[Reference, ...] | None:
        """The members of ``ld``/``LN$Name`` in order, None if there is no such data set."""
        return self._of_domain.get((ld, item))

    def own_members(self, client: Client, item: str) -> tuple[Reference, ...] | None:
        """The members of the data set ``@Name`` of a client's association, None if it has none such."""
        return self._own.get(client, {}).get(item)

    def find(self, client: Client, name: ObjectName) -> tuple[Reference, ...] | None:
        """The members of a data set as ``client`` may name it, None if it sees none of this name."""
        if name.aa_specific:
            return self.own_members(client, name.item)
        return self.members(name.domain, name.item) if name.domain is not None else None

    def references(self, client: Client, variables: AccessSpecification) -> Sequence[Reference | None] | None:
        """What a request reads or writes, None in the place of what is no name of a variable.

        None as a whole for a data set that ``client`` does not see.
        """
        if isinstance(variables, VariableListName):
            return self.find(client, variables.name)
        return [access.reference(name) for name in variables.names]

    def names(self, ld: str) -> list[str]:
        """The items ``LN$Name`` of a logical device, in ASCII order."""
        return sorted(item for its_ld, item in self._of_domain if its_ld == ld)

    def own_names(self, client: Client) -> list[str]:
        """The ``@`` names of a client's association, in ASCII order."""
        return sorted(self._own.get(client, ()))

    def attributes(
        self, client: Client, name: ObjectName
    ) -> GetNamedVariableListAttributesResponse | MmsError:
        """GetDataSetDirectory (8-2, 14.6)."""
        members = self.find(client, name)
        if members is None:
            return OBJECT_NON_EXISTENT
        variables = tuple(ObjectName(member.item_id, member.ld) for member in members)
        return GetNamedVariableListAttributesResponse(
            variables, deletable=(name.domain, name.item) not in self._configured
        )

    def define(
        self, client: Client, request: DefineNamedVariableListRequest
    ) -> DefineNamedVariableListResponse | MmsError:
        """CreateDataSet (8-2, 14.4): in an existing logical node, or of the association as ``@Name``."""
        members = self._members(request.variables)
        if isinstance(members, MmsError):
            return members
        refused = self._keep(client, request.name, members)
        return DefineNamedVariableListResponse() if refused is None else refused

    def delete(
        self, client: Client, request: DeleteNamedVariableListRequest
    ) -> DeleteNamedVariableListResponse | MmsError:
        """DeleteDataSet (8-2, 14.5): what is configured stays, and none goes if one of them is in use."""
        found = [name for name in dict.fromkeys(request.names) if self.find(client, name) is not None]
        created = [name for name in found if (name.domain, name.item) not in self._configured]
        if any(self._is_used(client, name) for name in created):
            return OBJECT_CONSTRAINT_CONFLICT
        for name in created:
            if name.domain is None:
                del self._own[client][name.item]
            else:
                del self._of_domain[name.domain, name.item]
        return DeleteNamedVariableListResponse(len(found), len(created))

    def ended(self, associations: Iterable[Association]) -> None:
        """These associations are over, and their ``@`` data sets with them."""
        for one in associations:
            self._own.pop(Client(one.peer, one.id), None)

    def _keep(self, client: Client, name: ObjectName, members: _Members) -> MmsError | None:
        if name.aa_specific:
            if client.association is None:
                return ACCESS_UNSUPPORTED
            if not name.item.startswith("@") or not _NAME.fullmatch(name.item[1:]):
                return INVALID_ADDRESS
            own = self._own.setdefault(client, {})
            if name.item in own:
                return OBJECT_EXISTS
            if len(own) >= MAX_OF_ASSOCIATION:
                return MEMORY_UNAVAILABLE
            own[name.item] = members
            return None
        if name.domain is None:
            return ACCESS_UNSUPPORTED
        ln, _, its_name = name.item.partition("$")
        if self._tree.logical_node(name.domain, ln) is None:
            return OBJECT_UNDEFINED
        if not _NAME.fullmatch(its_name):
            return INVALID_ADDRESS
        if self.members(name.domain, name.item) is not None:
            return OBJECT_EXISTS
        if len(self._of_domain) - len(self._configured) >= MAX_CREATED:
            return MEMORY_UNAVAILABLE
        self._of_domain[name.domain, name.item] = members
        return None

    def _members(self, variables: Sequence[ObjectName]) -> _Members | MmsError:
        if not 0 < len(variables) <= MAX_MEMBERS:
            return OBJECT_CONSTRAINT_CONFLICT
        members = []
        for name in variables:
            reference = access.reference(name)
            if reference is None or not reference.path or self._tree.find(reference) is None:
                return OBJECT_UNDEFINED
            if reference.fc in NO_DATA:
                return ACCESS_UNSUPPORTED
            members.append(reference)
        return tuple(members)

    def _is_used(self, client: Client, name: ObjectName) -> bool:
        if name.domain is None:
            return any(uses(client, name.item) for uses in self.in_use_of)
        return any(uses(name.domain, name.item) for uses in self.in_use)
