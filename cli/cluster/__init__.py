"""Many clips, many machines: work is spread with Ray, which is imported here and nowhere else.

``environment`` comes before Ray, ``run`` imports it.
"""
