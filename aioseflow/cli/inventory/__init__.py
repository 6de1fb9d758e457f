"""`aioseflow inventory`: the VMs as a dynamic inventory of Ansible."""
