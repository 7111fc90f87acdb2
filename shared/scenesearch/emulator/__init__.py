"""The whole cloud on one machine: the official emulators, and every function in a process of its own."""
