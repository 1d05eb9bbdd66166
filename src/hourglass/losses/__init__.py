"""Losses: how far an output is from its target, in nats; one file each."""
