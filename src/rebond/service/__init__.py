"""The process that runs everything unattended."""
