"""What the log and the traces say of work in progress."""
