package config

// AsNarrow makes this a 32-bit machine until the function it returns is called.
func AsNarrow() func() {
	was := narrow
	narrow = true
	return func() { narrow = was }
}
