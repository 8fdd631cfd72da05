"""The panel "PSNR": its settings, work, words and tabs.

`settings`, `layers`, `work`, `checks` and `words` know no Qt.
"""
