"""Images from wherever they are, plane by plane: they may be larger than memory.

`named` lists the images in arrays, layers, files, folders and packs; `opened` gives
one of them as a `Stack`, whose planes are read when they are asked for.
"""
