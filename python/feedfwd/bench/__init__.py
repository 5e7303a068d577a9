"""Speed side by side: what ``feedfwd bench`` and ``make bench`` run.

``cases`` says what is measured, ``peers/`` how each library does it, ``serve`` runs one peer in a
process of its own, ``timing`` takes the turns, ``report`` makes tables and pictures.
"""
