//go:build !linux

package raftstore

// Gateways run Linux; elsewhere the writes themselves tell.
func readOnly(string) (bool, error) { return false, nil }
