"""Ranking: words, phrases, quotations, evidence and their weights."""
