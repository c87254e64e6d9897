"""The command line: one module for each verb, over options in one table."""
