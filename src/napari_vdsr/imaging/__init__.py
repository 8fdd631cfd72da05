"""Images as numbers: resampling, luminance, geometry, intensities, gaps."""
