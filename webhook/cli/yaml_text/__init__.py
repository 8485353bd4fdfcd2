"""YAML as text: what stands where in a document, and lines that are put between the others."""
