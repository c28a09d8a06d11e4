//go:build !linux

package backup

import (
	"math"
	"os"
)

// Free cannot be told here.
func Free(string) (uint64, error) { return math.MaxUint64, nil }

// SameDisk cannot be told here, so they are.
func SameDisk(string, string) bool { return true }

func forget(*os.File) {}
