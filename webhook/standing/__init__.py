"""How things stand: what there is in a cluster, or in a manifest, beside what would be made of it today.

All is judged from raw objects that somebody else has read; nothing here reads or writes.
"""
