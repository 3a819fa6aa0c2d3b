"""The runbook of one stack, and its checklists: from what is configured and what was measured to pages for people."""
