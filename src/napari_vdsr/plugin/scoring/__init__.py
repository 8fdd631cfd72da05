"""Options, pairs of layers, scores and tables of the panel "PSNR".

The files beginning with ``tab_`` and ``view_`` know Qt, the others do not.
"""
