"""What is known of a heat pump's settings, in words and for programs."""

from __future__ import annotations

from typing import Any

from hub.cli.times import local_time, utc_time
from hub.kept_settings import plain
from hub.registry.settings import WRITTEN, SettingRecord, SettingsRecord
from hub.registry.settings_models import Restoring


def restoring_text(record: SettingsRecord) -> str:
    """How far the settings of the former box are in the present one."""
    kept = [one for one in record.settings if one.kept is not None]
    at = local_time(record.restoring_at)
    match record.restoring:
        case Restoring.WANTED:
            trouble = f"; last time: {record.trouble}" if record.trouble else ""
            return f"to be restored since {at}{trouble}"
        case Restoring.DONE:
            written = sum(one.outcome == WRITTEN for one in kept)
            return f"{written} of {len(kept)} restored {at}"
    return f"{len(kept)} of the former box are kept" if kept else "none of the former box are kept"


def settings_json(id_: str, record: SettingsRecord) -> dict[str, Any]:
    """All of them for programs, values as numbers and lists."""
    return {
        "id": id_,
        "read": utc_time(record.read_at),
        "box_since": utc_time(record.since),
        "restoring": record.restoring.value,
        "restoring_at": utc_time(record.restoring_at),
        "trouble": record.trouble,
        "settings": [_setting_json(one) for one in record.settings],
    }


def _setting_json(one: SettingRecord) -> dict[str, Any]:
    return {
        "reference": one.reference,
        "now": plain(one.value),
        "kept": plain(one.kept),
        "kept_of": utc_time(one.kept_at),
        "restored": one.outcome,
    }
