"""What a run did: as data, as JSON, as a page, and beside another run."""

from .compare import Comparison
from .report import Report
from .report_groups import CauseGroup, Downtime, ServiceSummary

__all__ = ["CauseGroup", "Comparison", "Downtime", "Report", "ServiceSummary"]
