"""stub"""

from flows.console import table
from flows.platform import services
from flows.server import running


def show_status(settings, pilot, *, as_json):
    table("servers", [{"server": s.name, "address": running(s) or "not running"} for s in services(settings)])
