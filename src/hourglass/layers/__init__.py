"""Building blocks that several variants share."""
