"""What everything that runs a network needs, once: device, precision, compiling, memory, transfers, the rates of a machine."""
