"""What the administrator says: the models of `loghook.yaml`, and what is wrong with one."""
