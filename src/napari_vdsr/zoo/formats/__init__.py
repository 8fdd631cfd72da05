"""Files of weights: what is in them, without ever running anything from them."""
