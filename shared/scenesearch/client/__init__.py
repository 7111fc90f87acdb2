"""scenesearch over HTTP, from the other side: what `--server URL` and other programs ask with."""
