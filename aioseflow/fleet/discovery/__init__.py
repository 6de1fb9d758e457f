"""Discovery: list the services of an account, and the VMs of each."""
