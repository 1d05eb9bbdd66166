"""Spoils: ways to damage an input so that the network must repair it; one file each."""
