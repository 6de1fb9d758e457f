"""What a run did: as data, as JSON, as a page, and beside another run."""

from .compare import Comparison
from .report import CauseGroup, Downtime, Report, ServiceSummary

__all__ = ["CauseGroup", "Comparison", "Downtime", "Report", "ServiceSummary"]
