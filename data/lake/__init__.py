"""The lake: immutable Parquet files derived from the store, and the manifest (`exports`) that names them.

A file is written first and named second, under a name made of its export's number: whoever finishes what a crash left
writes the same file again. Readers get explicit names, never a glob. No number, name, text or raw value is in clear.
"""
