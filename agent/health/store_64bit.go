//go:build !386 && !arm && !mips && !mipsle

package health

import "tote/raftstore"

func storeFaults() []Fault {
	var all []Fault
	for _, f := range raftstore.Faults {
		all = append(all, Fault{f.Code, f.Cause, f.Action})
	}
	return all
}
