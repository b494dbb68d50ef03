"""What a training run is made of: data, network, loss, schedule, averages, seeds. No Lightning, no processes, no files.

``train`` puts the parts together in a process of its own.
"""
