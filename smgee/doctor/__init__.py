"""What the doctor asks: probes of rules that only the real service can settle."""
