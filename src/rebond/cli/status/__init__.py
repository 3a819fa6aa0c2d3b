"""What is promised, beside what was measured."""
