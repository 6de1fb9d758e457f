"""How many requests may be in flight, and when the next may be sent, learned from refusals and latency."""
