"""What everything that runs a network needs, once: devices and precision, memory, transfers, the rates of the machine."""
