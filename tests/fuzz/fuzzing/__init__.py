"""Random inputs of every kind of file that strangers may hand over.

`targets` says what is made and who reads it, `strategies` and `protobufs` how it is made, `running`
what counts as a failure, `__main__` runs many inputs in processes of their own.
"""
