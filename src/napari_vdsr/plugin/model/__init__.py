"""What the panel means, without any window: settings, jobs, estimates, the work."""
