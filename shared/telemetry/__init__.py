"""From bytes to windows to verdicts. Pure maths: no clock, no store."""
