"""``python -m service_provider.cli`` is ``hpclient``."""

from service_provider.cli import main

main(prog_name="hpclient")
