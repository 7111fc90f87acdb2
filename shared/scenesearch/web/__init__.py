"""The HTTP layer: one site, served by functions in the cloud and by `scenesearch serve` on one machine."""
