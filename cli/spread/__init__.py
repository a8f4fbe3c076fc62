"""Clips made by several processes at a time: what is the same whoever these are.

``cluster`` starts them with Ray on many machines, ``devices`` one for each device of this machine. Both
import this; neither knows the other.
"""
