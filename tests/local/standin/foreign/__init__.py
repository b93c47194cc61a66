"""Clients that nobody here wrote. A program here runs on its own, with its client's packages."""
