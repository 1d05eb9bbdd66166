"""What one does with a trained model; plain functions on a Model."""
