"""Kinds of data: file to rows to tensor and back; one file each."""
