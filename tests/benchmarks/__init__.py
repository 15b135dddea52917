"""Benchmarks: each compares two things in one run, because absolute times drift on shared machines."""
