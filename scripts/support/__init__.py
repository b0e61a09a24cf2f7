"""What the scripts and the tests need around the product: a real Prosody, certificates, a network to cut."""
