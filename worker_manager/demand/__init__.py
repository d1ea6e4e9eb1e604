"""Where demand is read from: one small contract, one module a source. Knows no worker type, no Temporal, no clock.

A source's module is imported when it is used, as each brings a client of its own.
"""
