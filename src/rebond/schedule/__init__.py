"""When what runs: the calendar, what of it was done, and what hands it to systemd, cron and Git."""
