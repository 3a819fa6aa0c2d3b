"""Tar archives that come as a stream: followed header by header, so that one that is cut or damaged is told."""
