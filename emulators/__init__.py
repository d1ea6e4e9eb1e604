"""Emulated clouds that the real SDKs talk to over HTTP, for the demo, the tests and the benchmarks.

They know nothing of the manager: they see only calls, and are steered through the control API (`emulators.control`).
"""
