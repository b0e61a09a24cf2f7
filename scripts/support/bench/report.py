"""Results for people."""

from __future__ import annotations

from typing import Any

LEAST_SHARE = 0.005
"""Of a core: who takes less is not named."""


def shown(results: dict[str, Any]) -> str:
    """The results as lines of text."""
    conditions = results["conditions"]
    lines = [
        f"{conditions['at']}  {conditions['cores']} cores, Python {conditions['python']}, "
        f"load before {conditions['load_before']:.1f}, "
        f"{conditions['runs']} runs of {conditions['seconds']:g} s"
    ]
    for name, write in (
        ("codec", _codec), ("router", _router), ("fanout", _fanout), ("decision", _decision),
        ("roster", _roster), ("box", _box), ("collect", _collect),
    ):  # fmt: skip
        if name in results:
            lines += ["", name, *write(results[name])]
    return "\n".join(lines)


def _met(result: dict[str, Any]) -> str:
    return "met" if result["met"] else "NOT MET"


def _codec(result: dict[str, Any]) -> list[str]:
    return [
        f"  {name:15} {one['octets']:6} octets {one['microseconds']:8.1f} us, floor "
        f"{one['floor_microseconds']:8.1f} us, ratio {one['ratio']:.2f} ({_met(one)})"
        for name, one in result.items()
    ]


def _router(result: dict[str, Any]) -> list[str]:
    lines = []
    for by_load in result.values():
        lines.append(f"  {by_load['server']}")
        for name, one in by_load.items():
            if not isinstance(one, dict):
                continue
            lines += [
                f"    {name:14} {_path(one['hub'])}",
                f"    {'floor':>14} {_path(one['floor'])}",
                f"    {'':14} p50 ratio {one['p50_ratio']:.2f}, throughput {one['throughput_ratio']:.2f}"
                f" ({_met(one)}); busiest: {_busy(one)}",
            ]
    return lines


def _path(one: dict[str, float]) -> str:
    return f"p50 {one['p50_ms']:7.2f} ms  p99 {one['p99_ms']:7.2f} ms  {one['per_second']:6.0f} /s"


def _busy(one: dict[str, Any]) -> str:
    cores: dict[str, float] = one["cores"]
    in_order = sorted(cores.items(), key=lambda pair: -pair[1])
    shares = ", ".join(f"{name} {share:.2f}" for name, share in in_order if share >= LEAST_SHARE)
    return (
        f"{shares} cores; processor time of each {one['cpu_us']:.0f} us, floor {one['floor_cpu_us']:.0f} us"
    )


def _fanout(result: dict[str, Any]) -> list[str]:
    lines = []
    for one in result.values():
        floor = f"floor {one['floor_seconds']:6.2f} s"
        for what, measured in (("operates", one), ("by one message to their group", one["group"])):
            lines.append(
                f"  {one['server']:18} {one['operates']} {what} {measured['hub_seconds']:6.2f} s, {floor}, "
                f"ratio {measured['ratio']:.2f} ({_met(measured)}); busiest: {_busy(measured)}"
            )
    return lines


def _decision(result: dict[str, Any]) -> list[str]:
    decision, start = result["decision"], result["start"]
    return [
        f"  {result['heat_pumps']} heat pumps, {result['providers']} providers, {result['grants']} grants",
        f"  decision {decision['microseconds']:.1f} us ({_met(decision)})",
        f"  start    {start['seconds']:.1f} s, {start['peak_octets'] / 1e6:.0f} MB ({_met(start)})",
    ]


def _roster(result: dict[str, Any]) -> list[str]:
    expiry, audit = result["expiry"], result["audit"]
    return [
        f"  {result['heat_pumps']} heat pumps, {result['providers']} providers; {result['ending']} of"
        f" {result['grants']} grants end at one instant",
        f"  longest stall {expiry['longest_stall_ms']:.0f} ms, of a loop that only waits "
        f"{expiry['floor_longest_stall_ms']:.0f} ms ({_met(expiry)}); most of a processor in one "
        f"{expiry['most_processor_ms']:.0f} ms",
        f"  written after {expiry['marked_after_s']:.1f} s, providers told after "
        f"{expiry['told_after_s']:.1f} s",
        f"  audit {audit['per_second']:.0f} rows /s, plain sqlite3 {audit['floor_per_second']:.0f} /s,"
        f" ratio {audit['ratio']:.2f}; {audit['rows_of_a_commit']} rows a commit",
    ]


def _box(result: dict[str, Any]) -> list[str]:
    return [
        *(
            f"  updates, {name:9} {one['updates_per_second']:7.0f} /s, model alone "
            f"{one['floor_updates_per_second']:7.0f} /s, ratio {one['ratio']:.1f}"
            for name, one in result["updates"].items()
        ),
        f"  cycle of 5 minutes: {result['cpu_share']:.2%} of a core, watched live "
        f"{result['watched_cpu_share']:.2%}; memory {result['peak_octets'] / 1e6:.0f} MB ({_met(result)})",
        f"  an average and its report: {result['cpu_ms_per_average']:.1f} ms, "
        f"{result['written_per_average'] / 1e3:.1f} kB to the disk; in a day "
        f"{result['written_per_day'] / 1e6:.1f} MB",
    ]


def _collect(result: dict[str, Any]) -> list[str]:
    lines = []
    for by_database in result.values():
        lines.append(f"  {by_database['server']}")
        for name, one in by_database.items():
            if isinstance(one, dict):
                lines.append(
                    f"    {name:10} {one['per_second']:6.0f} /s of {one['octets']} octets, dropped "
                    f"{one['floor_per_second']:6.0f} /s, share {one['share']:.2f} ({_met(one)}); "
                    f"busiest: {_busy(one)}"
                )
    return lines
