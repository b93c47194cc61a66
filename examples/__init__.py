"""Workers to start from."""
