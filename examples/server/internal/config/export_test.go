package config

// Parse is parse, for tests that need no digests.
func Parse(text []byte) (*File, error) { return parse(text) }

// MaxSize is how large a file may be.
const MaxSize = maxSize
