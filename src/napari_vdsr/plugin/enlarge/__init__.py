"""The panel Super-resolution; settings, plan, work, words and script know no Qt."""
