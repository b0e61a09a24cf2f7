"""A provider in a process of its own, to be killed: associates with heat pumps, prints the ids, and stays.

python raw_provider.py JID PASSWORD_FILE HUB PORT CA_FILE HEAT_PUMP...
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from service_provider import ServiceProvider


async def main(jid: str, password: str, hub: str, port: str, ca_file: str, *heat_pumps: str) -> None:
    """Associate and wait for the end."""
    async with ServiceProvider(
        jid, password, hub=hub, host="127.0.0.1", port=int(port), ca_file=ca_file
    ) as provider:
        ids = {heat_pump: (await provider.associate(heat_pump)).id for heat_pump in heat_pumps}
        print(json.dumps(ids), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    jid, password_file, *rest = sys.argv[1:]
    asyncio.run(main(jid, Path(password_file).read_text().strip(), *rest))
