"""What is added: a line of stages from what is asked to the ops of a patch."""
