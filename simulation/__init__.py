"""A simulated Ulsan that shares data as real partners do, with known true risk."""
