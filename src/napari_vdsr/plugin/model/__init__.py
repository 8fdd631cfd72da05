"""The panel's settings, jobs, estimates and work, without any GUI."""
