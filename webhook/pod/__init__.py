"""What there is: a typed view of a Pod, and paths, places and quantities as text."""
