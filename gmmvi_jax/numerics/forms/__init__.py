"""The forms that covariances have: full, diagonal, low rank plus diagonal.

A form answers for all that depends on how a factor is stored. What a form is asked for is in
``protocol``; ``choice`` tells the form of a Gaussian.
"""
