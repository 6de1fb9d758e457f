"""`aioseflow doctor`: everything between this machine and a panel, checked in order."""
