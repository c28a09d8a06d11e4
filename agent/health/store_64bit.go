//go:build !386 && !arm && !mips && !mipsle

package health

import "tote/raftstore"

func storeFaults() []Fault { return group("", "", raftstore.Faults).Faults }
