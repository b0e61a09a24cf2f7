"""A box whose schedules are set, enabled and watched, for dialogues that read like a log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

from box_model import box_tree
from box_server import SP, Box, named, written

from iec61850_model.mms.pdu import ConfirmedRequest, Data, DataAccessError, WriteRequest
from iec61850_model.reference import Reference
from iec61850_model.server import Drive, Effect, Moment, Reply, Send, Server
from iec61850_model.server.schedules import EnablingError, InMemory, ScheduleState
from iec61850_model.server.schedules.calendar import CalendarTime
from iec61850_model.values import NO_TIME, Quality, Timestamp

START = datetime(2026, 12, 1, 16, 0, tzinfo=UTC).timestamp()
"""17:00 in Copenhagen, when the schedules of most dialogues begin."""
QUARTER = 900
ENTRY = {"Evu": "ValSPG", "Rl1": "ValSPG", "Rl2": "ValSPG", "Sgr": "ValING", "Rm": "ValASG", "Pwr": "ValASG"}
VALUE = {"ValSPG": "ValSPS.stVal[ST]", "ValING": "ValINS.stVal[ST]", "ValASG": "ValMV.mag.f[MX]"}


class ScheduleBox(Box):
    """A box an hour before START; ``restart`` switches it off and on again, with what its keeper kept."""

    def __init__(self, zone: tzinfo = UTC, keeper: InMemory | None = None) -> None:
        super().__init__()
        self.keeper = keeper or InMemory()
        self.zone = zone
        self.moment = Moment(START - 3600)
        self.server = Server(self.tree, keeper=self.keeper, zone=zone)
        self.server.schedules.restore(self.moment)
        self._number = 0

    # --- what a client does -------------------------------------------------------------------------

    def plan(
        self,
        schedule: str,
        values: Sequence[bool | int | float],
        *,
        start: float | None = START,
        interval: int = QUARTER,
        priority: int = 0,
        reuse: bool = False,
    ) -> None:
        """Write the settings of SCH/<schedule>, all in one request; its other start times are none."""
        entry = ENTRY[schedule.partition("FSCH")[0]]
        wanted = {f"{entry}{number:03}": value for number, value in enumerate(values, 1)}
        settings = {f"SCH/{schedule}.{name}.{_attribute(name)}[SP]": _data(v) for name, v in wanted.items()}
        settings |= {
            f"SCH/{schedule}.NumEntr.setVal[SP]": Data("integer", len(values)),
            f"SCH/{schedule}.SchdIntv.setVal[SP]": Data("integer", interval),
            f"SCH/{schedule}.SchdPrio.setVal[SP]": Data("integer", priority),
            f"SCH/{schedule}.SchdReuse.setVal[SP]": Data("boolean", reuse),
            f"SCH/{schedule}.StrTm1.setTm[SP]": _time(start),
        }
        assert set(self.write(settings)) == {None}

    def start_time(
        self, schedule: str, number: int, start: float | None, calendar: CalendarTime
    ) -> list[Drive]:
        """Write one StrTm, with setTm and setCal; what is driven at once, for a schedule may wait for it."""
        parts = (
            *(calendar.occ, calendar.occurrence, calendar.period, calendar.week_day, calendar.month),
            *(calendar.day, calendar.hour, calendar.minute),
        )
        tags = ("unsigned", *["integer"] * 4, *["unsigned"] * 3)
        cal = tuple(Data(tag, int(part)) for tag, part in zip(tags, parts, strict=True))
        at = f"SCH/{schedule}.StrTm{number}"
        values = {f"{at}.setTm[SP]": _time(start), f"{at}.setCal[SP]": Data("structure", cal)}
        effects = self.hear(ConfirmedRequest(7, WriteRequest(named(*values), tuple(values.values()))))
        assert written(effects) == (None, None)
        return drives(effects)

    def request(self, schedule: str, name: str, value: bool = True, peer: str = SP) -> list[Effect]:
        """Operate EnaReq or DsaReq of SCH/<schedule>."""
        self._number = self._number % 255 + 1
        oper = self.oper(Data("boolean", value), number=self._number)
        return self.operate(f"SCH/{schedule}.{name}", oper, peer=peer)

    def enable(self, schedule: str) -> list[Drive]:
        """EnaReq, which is to be accepted; what is driven at once."""
        effects = self.request(schedule, "EnaReq")
        assert written(effects) == (None,), self.error(schedule)
        return drives(effects)

    def disable(self, schedule: str) -> list[Drive]:
        """DsaReq, which is to be accepted; what is driven then."""
        effects = self.request(schedule, "DsaReq")
        assert written(effects) == (None,)
        return drives(effects)

    def refused(self, schedule: str) -> EnablingError:
        """EnaReq, which is to be refused; why."""
        effects = self.request(schedule, "EnaReq")
        assert not drives(effects)
        (result,) = written([one for one in effects if isinstance(one, Send | Reply)])
        assert isinstance(result, DataAccessError)
        return self.error(schedule)

    # --- time ---------------------------------------------------------------------------------------

    def at(self, time: float, *, synchronized: bool = True) -> list[Drive]:
        """It is ``time``; what is driven otherwise from now on."""
        self.moment = Moment(time, synchronized)
        return drives(self.server.tick(self.moment))

    def through(self, until: float) -> list[tuple[float, Drive]]:
        """Time goes on to ``until`` as a shell lets it: a tick whenever the server wants one."""
        seen = [(self.moment.now, drive) for drive in self.at(self.moment.now)]
        while (due := self.server.next_tick()) is not None and due <= until:
            seen += [(due, drive) for drive in self.at(max(due, self.moment.now))]
        self.at(until)
        return seen

    def restart(self, after: float = 0.0, *, synchronized: bool = True) -> list[Drive]:
        """The box is switched off and on again ``after`` seconds; its settings are kept, as a box does."""
        settings = {
            (reference.ld, reference.ln): self.tree.find(reference)
            for device in self.tree.devices.values()
            for ln in device.nodes
            if (reference := Reference(device.name, ln, (), _SP)) and device.name == "SCH"
        }
        self.tree = box_tree()
        for (ld, ln), node in settings.items():
            found = self.tree.devices[ld].nodes[ln]
            if node is not None:
                found.by_fc[_SP] = node
        self.moment = Moment(self.moment.now + after, synchronized)
        self.server = Server(self.tree, keeper=self.keeper, zone=self.zone)
        self.server.schedules.restore(self.moment)
        return drives(self.server.tick(self.moment))

    # --- what the model shows -----------------------------------------------------------------------

    def shown(self, reference: str) -> object:
        """The value of an attribute ``SCH/EvuFSCH1.SchdSt.stVal[ST]``."""
        (result,) = self.read(reference)
        assert isinstance(result, Data), result
        return result.value

    def state(self, schedule: str) -> ScheduleState:
        """SchdSt."""
        return ScheduleState(self.shown(f"SCH/{schedule}.SchdSt.stVal[ST]"))

    def error(self, schedule: str) -> EnablingError:
        """SchdEnaErr."""
        return EnablingError(self.shown(f"SCH/{schedule}.SchdEnaErr.stVal[ST]"))

    def entry(self, schedule: str) -> object:
        """SchdEntr: 1 is the first, 0 none."""
        return self.shown(f"SCH/{schedule}.SchdEntr.stVal[ST]")

    def time(self, schedule: str, name: str) -> float | None:
        """ActStrTm or NxtStrTm; None if there is none now."""
        value = self.shown(f"SCH/{schedule}.{name}.stVal[ST]")
        valid = self.quality(f"SCH/{schedule}.{name}.q[ST]") == Quality(0)
        assert isinstance(value, Timestamp) and valid == (value != NO_TIME)
        return value.unix if valid else None

    def quality(self, reference: str) -> Quality:
        """A quality ``SCH/EvuFSCH1.ValSPS.q[ST]``."""
        return Quality.from_bits(str(self.shown(reference)))

    def active(self, controller: str) -> object:
        """ActSchdRef; empty exactly if its quality is invalid."""
        value = self.shown(f"SCH/{controller}.ActSchdRef.stVal[ST]")
        assert (value == "") == (self.quality(f"SCH/{controller}.ActSchdRef.q[ST]") == Quality.INVALID)
        return value


_SP = Reference.parse("SCH/EvuFSCH1[SP]").fc
assert _SP is not None


def drives(effects: list[Effect]) -> list[Drive]:
    """The Drives of these effects."""
    return [effect for effect in effects if isinstance(effect, Drive)]


def told(found: list[Drive]) -> list[tuple[str, object, str]]:
    """Drives as (reference, value, schedule)."""
    return [(str(one.reference), one.value, one.schedule) for one in found]


def _attribute(name: str) -> str:
    return "setMag.f" if name.startswith("ValASG") else "setVal"


def _data(value: bool | int | float) -> Data:
    tag = "boolean" if isinstance(value, bool) else "integer" if isinstance(value, int) else "floating-point"
    return Data(tag, value)


def _time(time: float | None) -> Data:
    return Data("utc-time", NO_TIME if time is None else Timestamp.from_unix(time))
