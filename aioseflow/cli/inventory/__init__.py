"""The VMs as a dynamic inventory of Ansible."""
