package raftstore

import (
	"os"
	"strings"
	"testing"
)

// TestLostLogIsNamed: the whole folder of the log is gone, as a file system
// check may leave it, after a stop that was not clean. No mark of a clean stop
// says how far it reached, and still nothing is begun anew.
func TestLostLogIsNamed(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, dir string){
		"folder": func(t *testing.T, dir string) { must(t, os.RemoveAll(dir+"/log")) },
		"all files": func(t *testing.T, dir string) {
			must(t, os.RemoveAll(dir+"/log"))
			must(t, os.Mkdir(dir+"/log", 0o700))
		},
	} {
		for _, snapshot := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", with a snapshot"}[snapshot], func(t *testing.T) {
				cfg := testConfig(t, t.TempDir())
				s := openStore(t, cfg)
				for n := range uint64(5) {
					do(t, s, byID(n, "set a 1"))
				}
				if snapshot {
					must(t, s.Snapshot())
				}
				do(t, s, byID(9, "set b 2"))
				killed := t.TempDir()
				must(t, os.CopyFS(killed, os.DirFS(cfg.Dir))) // what a kill would leave
				closeStore(t, s)
				harm(t, killed)
				cfg.Dir = killed
				for range 2 {
					_, err := Open(cfg, testMachine{})
					if FaultCode(err) != CodeLogCorrupt || !strings.Contains(err.Error(), killed+"/log") {
						t.Fatalf("opened with %v", err)
					}
				}
			})
		}
	}
}
