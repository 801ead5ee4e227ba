//! Decoders: from the bytes of a message to a typed reading.
