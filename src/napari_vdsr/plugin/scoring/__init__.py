"""What stands behind the panel "PSNR": options, pairs of layers, scores and tables.

The files beginning with ``tab_`` and ``view_`` know Qt, the others do not.
"""
