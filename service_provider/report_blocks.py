"""The report control blocks of a heat pump: finding them, and choosing one for a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from iec61850_model.client import AmbiguousReference, Client, ClientError
from iec61850_model.client.rcb import RcbValues
from iec61850_model.client.report_control import Reports
from iec61850_model.reference import Reference
from iec61850_model.values import FunctionalConstraint
from service_provider.reader import Peer
from service_provider.report_text import shown_data_set, wire_data_set

FC = FunctionalConstraint
BATCH = 50
"""Blocks read in one request: with some 600 octets each, half of a PDU of default size."""
HOME = "LLN0"
"""The logical node where control blocks are looked for unless another is named (61850-6)."""


class NoFreeBlock(ClientError):
    """Every report control block that would do is in use."""


class NoSuchDataSet(ClientError):
    """No report control block has, or could take, a data set of this name."""


class Blocks:
    """Finds report control blocks."""

    def __init__(self, client: Client, reports: Reports) -> None:
        self._client = client
        self._reports = reports

    async def every(self, peer: Peer, ld: str = "", ln: str = HOME) -> list[RcbValues]:
        """All blocks in ``ln`` of one logical device, or of all of them."""
        devices = [ld] if ld else await self._client.server_directory(peer.address)
        references = []
        for device in devices:
            definition = await self._client.definition(peer.address, device, ln)
            here = Reference(device, ln)
            for fc in (FC.BR, FC.RP):
                references += [
                    here.child(name).with_fc(fc)
                    for name in definition.data_objects()
                    if definition.find(fc, (name,)) is not None
                ]
        found: list[RcbValues] = []
        for start in range(0, len(references), BATCH):
            found += await self._reports.all_values(peer.address, references[start : start + BATCH])
        return found

    async def for_data_set(
        self, peer: Peer, data_set: str, buffered: bool, near: str = ""
    ) -> tuple[str, list[RcbValues]]:
        """The data set as the wire writes it, and the free blocks that have it or could take it, best first.

        ``data_set``: ``LD/LN.Name``, ``@Name``, or the name alone where it is clear. ``near``: the logical
        device whose blocks suit best. Raises NoSuchDataSet, NoFreeBlock, AmbiguousReference.
        """
        by_name = data_set.isidentifier()
        wanted = "" if by_name else wire_data_set(data_set)
        ld, _, item = wanted.partition("/") if not wanted.startswith("@") else ("", "", "")
        every = await self.every(peer, ld, item.partition("$")[0] or HOME)
        if by_name:
            wanted = _named(data_set, every)
        kind = [one for one in every if one.buffered is buffered]
        having = [one for one in kind if one.dat_set == wanted]
        free = [one for one in (*having, *_could_take(wanted, kind, near)) if one.free]
        if free:
            return wanted, free
        what = "buffered" if buffered else "unbuffered"
        if having:
            raise NoFreeBlock(
                f"all {len(having)} {what} report control blocks of {shown_data_set(wanted)} are in use: "
                "try again later, or see with 'hpclient report list' who has them"
            )
        raise NoSuchDataSet(
            f"{peer.heatpump} has no {what} report control block for {shown_data_set(wanted)}; there are "
            f"blocks for {_sets(kind) or 'no data set'}"
        )


def _could_take(wanted: str, blocks: Sequence[RcbValues], near: str) -> list[RcbValues]:
    """Blocks without a data set, in its logical device; a data set of the association goes with any URCB:
    best with one that has none, else with those of which there are most."""
    if wanted.startswith("@"):
        unbuffered = [one for one in blocks if not one.buffered]
        alike = Counter(one.dat_set for one in unbuffered if one.free)
        return sorted(
            unbuffered,
            key=lambda one: (bool(one.dat_set), one.reference.ld != near, -alike[one.dat_set]),
        )
    ld = wanted.partition("/")[0]
    return [one for one in blocks if not one.dat_set and one.reference.ld == ld]


def _named(name: str, every: Sequence[RcbValues]) -> str:
    """The data set that is called so; raises AmbiguousReference, NoSuchDataSet."""
    found = sorted({one.dat_set for one in every if one.dat_set.rpartition("$")[2] == name})
    if len(found) > 1:
        choices = [shown_data_set(one) for one in found]
        raise AmbiguousReference(
            f"there are {len(found)} data sets {name}: name one of {', '.join(choices)}", choices
        )
    if not found:
        raise NoSuchDataSet(
            f"no report control block has a data set {name}; there are blocks for "
            f"{_sets(every) or 'no data set'}"
        )
    return found[0]


def _sets(blocks: Sequence[RcbValues]) -> str:
    return ", ".join(sorted({shown_data_set(one.dat_set) for one in blocks if one.dat_set}))
