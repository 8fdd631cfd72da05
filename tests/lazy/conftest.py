"""Small models and images for tests of what is larger than memory."""
