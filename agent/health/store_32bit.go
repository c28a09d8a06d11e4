//go:build 386 || arm || mips || mipsle

package health

// A 32-bit gateway keeps no store.
func storeFaults() []Fault { return nil }
