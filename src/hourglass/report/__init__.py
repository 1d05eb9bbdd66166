"""Did it learn something? Measures, verdicts, charts, the page."""
