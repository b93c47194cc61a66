"""Benchmarks of this project. ``python -m benchmarks --help`` lists them."""
