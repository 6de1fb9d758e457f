"""What TAB completes: the scripts, the answers, and the names that were listed before."""
