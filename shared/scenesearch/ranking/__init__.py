"""Everything that weighs: words, phrases, quotations and evidence."""
