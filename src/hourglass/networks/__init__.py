"""Networks: an encoder and the decoder that mirrors it; one file each."""
