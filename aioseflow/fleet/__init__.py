"""The fleet: one action on many VMs at once, and for each VM the truth about what happened."""
