"""What buffered and unbuffered report control blocks share: settings, owner, enabling, sending."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable

from iec61850_model.blocks import ReportConfig
from iec61850_model.mms.pdu import Data, DataAccessError, Payload, Unconfirmed
from iec61850_model.reference import Reference
from iec61850_model.server.buffer import Entry
from iec61850_model.server.control import Client
from iec61850_model.server.effects import Effect, Send
from iec61850_model.server.reports.attributes import place, reference_of
from iec61850_model.server.reports.collecting import Collecting, over
from iec61850_model.server.reports.holding import Holding
from iec61850_model.server.reports.message import Heading, reports
from iec61850_model.server.reports.observing import MemberSource, Watched, watched
from iec61850_model.tree import Leaf, Tree
from iec61850_model.types import Value, ValueRefused
from iec61850_model.values import OptFlds, Trigger

MIN_INTG_PD = 500
"""Shortest IntgPd, milliseconds: a snapshot of all members costs time, and a buffered one a disk write."""
MAX_CONF_REV = (1 << 32) - 1
"""ConfRev is an INT32U; 0 says that there is no data set."""

_SPONTANEOUS = Trigger.DCHG | Trigger.QCHG | Trigger.DUPD
_WHILE_ENABLED = ("RptEna", "GI")
_PLAIN = ("RptID", "OptFlds", "BufTm", "TrgOps", "IntgPd")


class ReportBlock(Collecting):
    """One report control block. I/O-free: time is passed in, seconds since 1970 UTC.

    Raises ValueError for a configuration that cannot be.
    """

    max_sq_num: int

    def __init__(
        self, tree: Tree, data_sets: MemberSource, config: ReportConfig, sizes: Callable[[Client], int]
    ) -> None:
        super().__init__()
        self.reference = reference_of(config)
        self.holding = Holding()
        self._tree, self._data_sets, self._sizes = tree, data_sets, sizes
        self._branch = place(tree, config)
        self._configured: Watched | None = None
        if config.data_set:
            self._configured = watched(tree, data_sets.members(config.ld, config.data_set))
            if self._configured is None:
                raise ValueError(f"{self.reference} has no data set {config.data_set!r} that can be reported")
        self._watched = self._configured
        self._configured_name = str(self._value("DatSet"))
        self._data_set_of: Client | None = None
        """Whose ``@`` data set DatSet names."""
        self._revision = config.conf_rev
        self._adopt()

    @property
    def enabled(self) -> bool:
        """RptEna."""
        return self._value("RptEna") is True

    def uses(self, data_set: str) -> bool:
        """DatSet is this one, ``LD/LN$Name``."""
        return self._value("DatSet") == data_set

    def uses_of(self, client: Client, item: str) -> bool:
        """DatSet is the data set ``@Name`` of this client's association."""
        return self._data_set_of == client and self._value("DatSet") == item

    def write(self, client: Client, attribute: str, data: Data, now: float) -> DataAccessError | None:
        """SetBRCBValues or SetURCBValues of one attribute; None when written, else what the client is told.

        Only the client that holds the block may, and while it is enabled only RptEna and GI.
        """
        leaf = self._branch.leaf(attribute)
        if leaf is None:
            return DataAccessError.OBJECT_NON_EXISTENT
        refused = self.holding.refusal(client)
        if refused is not None:
            return refused
        if self.enabled and attribute not in _WHILE_ENABLED:
            return DataAccessError.TEMPORARILY_UNAVAILABLE
        try:
            value = leaf.type.from_data(data)
        except ValueRefused as error:
            return error.error
        self._settle(now)
        if self.holding.until is not None and client.association is not None:
            self.holding.take(client)
        refused = self._apply(attribute, value, client, now)
        self._plan_integrity(now)
        return refused

    def tick(self, now: float) -> list[Effect]:
        """Do what is due, and say what is to be sent."""
        self._collect(now)
        until = self.holding.until
        if until is not None and over(now, until, self._kept_seconds()):
            self._release()
        return self._reports(now)

    def next_tick(self) -> float | None:
        """When ``tick`` has something to do: 0.0 at once, None never."""
        return min((time for time in self._due() if time is not None), default=None)

    def ended(self, client: Client, now: float) -> None:
        """An association is over, however it ended (7-2 clause 8)."""
        if self.holding.is_of(client):
            self._settle(now)
            if self.enabled:
                self._stop(now, lost=True)
            kept = self._kept_seconds()
            if self.holding.asked_for and kept > 0:
                self.holding.keep(now + kept)
            else:
                self._release()
        if self._data_set_of == client:
            self._forget_own_data_set()

    def show_owner(self, reader: Client | None) -> None:
        """Make Owner what this reader may see."""
        leaf = self._branch.leaf("Owner")
        if leaf is not None:
            leaf.value = self.holding.owner_for(reader)

    # --- settings ----------------------------------------------------------------------------------

    def _apply(self, attribute: str, value: Value, client: Client, now: float) -> DataAccessError | None:
        """Set an attribute that may be set now, to a value of its type."""
        match attribute, value:
            case "RptEna", True:
                return self._enable(client)
            case "RptEna", _:
                self._disable(now)
                return None
            case "GI", bool():
                return self._interrogate(now) if value else None
            case "DatSet", str():
                return self._choose(value, client)
            case "IntgPd", int() if 0 < value < MIN_INTG_PD:
                return DataAccessError.OBJECT_VALUE_INVALID
        if attribute not in _PLAIN:
            return DataAccessError.OBJECT_ACCESS_DENIED
        if self._value(attribute) != value:
            self._show(attribute, value)
            self._adopt()
            self._changed(attribute)
        return None

    def _adopt(self) -> None:
        """Take the settings from the attributes."""
        self._opt_flds = OptFlds.from_bits(str(self._value("OptFlds")))
        self._trg_ops = Trigger.from_trg_ops(str(self._value("TrgOps")))
        self.mask = int(self._trg_ops & _SPONTANEOUS)
        self._buf_tm = self._whole("BufTm") / 1000
        period = self._whole("IntgPd") / 1000
        if period != self._intg_pd:
            self._intg_pd, self._integrity_at = period, None

    def _choose(self, name: str, client: Client) -> DataAccessError | None:
        """DatSet: another data set, which is another ConfRev."""
        own = client if name.startswith("@") else None
        if (name, own) == (self._value("DatSet"), self._data_set_of):
            return None
        found = watched(self._tree, self._members(name, client)) if name else None
        if name and found is None:
            return DataAccessError.OBJECT_VALUE_INVALID
        self._watch(name, own, found)
        return None

    def _forget_own_data_set(self) -> None:
        """Instead of an ``@`` data set have the configured one: the next client is to find that."""
        if self._data_set_of is not None:
            self._watch(self._configured_name, None, self._configured)

    def _members(self, name: str, client: Client) -> tuple[Reference, ...] | None:
        if name.startswith("@"):
            return self._data_sets.own_members(client, name)
        domain, _, item = name.partition("/")
        return self._data_sets.members(domain, item)

    def _watch(self, name: str, own: Client | None, found: Watched | None) -> None:
        self._watched, self._data_set_of = found, own
        if found is not None:
            self._revision = self._revision % MAX_CONF_REV + 1
        self._show("ConfRev", self._revision if found is not None else 0)
        self._show("DatSet", name)
        self._changed("DatSet")

    @abstractmethod
    def _changed(self, attribute: str) -> None:
        """One of the settings has another value now."""

    # --- enabled or not ----------------------------------------------------------------------------

    def _enable(self, client: Client) -> DataAccessError | None:
        if client.association is None:
            # A report travels in an association.
            return DataAccessError.OBJECT_ACCESS_DENIED
        if self.enabled:
            again = self.holding.is_of(client)
            return None if again else DataAccessError.TEMPORARILY_UNAVAILABLE
        if self._watched is None or self._data_set_of not in (None, client):
            return DataAccessError.OBJECT_ATTRIBUTE_INCONSISTENT
        self.holding.take(client)
        self._show("RptEna", True)
        self._show("SqNum", 0)
        self._start()
        return None

    def _disable(self, now: float) -> None:
        if self.enabled:
            self._stop(now, lost=False)
            if not self.holding.asked_for:
                self._release()

    def _interrogate(self, now: float) -> DataAccessError | None:
        if not self.enabled or not self._trg_ops & Trigger.GI:
            return DataAccessError.TEMPORARILY_UNAVAILABLE
        self._snapshot(Trigger.GI, now)
        return None

    @abstractmethod
    def _start(self) -> None:
        """RptEna has become TRUE."""

    def _stop(self, now: float, *, lost: bool) -> None:
        """RptEna becomes FALSE; ``lost``: because the association is over."""
        self._show("RptEna", False)

    def _release(self) -> None:
        self.holding.release()

    def _kept_seconds(self) -> float:
        """How long a reserved block is kept for its client when his association is over."""
        return 0.0

    # --- what is sent ------------------------------------------------------------------------------

    @abstractmethod
    def _reports(self, now: float) -> list[Effect]:
        """What is to be sent now."""

    def _due(self) -> Iterable[float | None]:
        yield from super()._due()
        yield self.holding.until

    def _send(self, entry: Entry, *, entry_id: bytes | None, buf_ovfl: bool) -> list[Effect]:
        """The report of an entry, in segments if need be, under the next SqNum."""
        client, watched_now = self.holding.client, self._watched
        assert client is not None and watched_now is not None
        sq_num = self._whole("SqNum")
        heading = Heading(
            rpt_id=str(self._value("RptID")) or self.reference,
            opt_flds=self._opt_flds,
            sq_num=sq_num,
            time=entry.time,
            dat_set=str(self._value("DatSet")),
            conf_rev=self._whole("ConfRev"),
            references=watched_now.references,
            entry_id=entry_id,
            buf_ovfl=buf_ovfl,
        )
        self._show("SqNum", (sq_num + 1) % (self.max_sq_num + 1))
        return [
            Send(client.peer, Payload(Unconfirmed(report), client.association))
            for report in reports(heading, entry.members, self._sizes(client))
        ]

    # --- attributes --------------------------------------------------------------------------------

    def _leaf(self, attribute: str) -> Leaf:
        leaf = self._branch.leaf(attribute)
        assert leaf is not None
        return leaf

    def _value(self, attribute: str) -> Value:
        return self._leaf(attribute).value

    def _whole(self, attribute: str) -> int:
        value = self._value(attribute)
        assert isinstance(value, int)
        return value

    def _show(self, attribute: str, value: Value) -> None:
        self._leaf(attribute).value = value
