//go:build !linux && !386 && !arm && !mips && !mipsle

package replica

func linChild() bool { return false }
