"""What is asked: the registry of keys, the values that they take, and the parser."""
