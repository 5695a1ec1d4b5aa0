"""Raw bytes in, a Signal or a Rejected out. Pure: no other error leaves a parser."""

from shared.parsing.bodies import Parsed
from shared.parsing.detect import Channel, detect, parse, parse_platform
from shared.parsing.event_hubs import read_message
from shared.parsing.report import report_line

__all__ = ["Channel", "Parsed", "detect", "parse", "parse_platform", "read_message", "report_line"]
