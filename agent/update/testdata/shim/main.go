// Command shim stands for a release in tests. What it is stands behind its own bytes: a
// line of JSON after the last line break.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type what struct {
	Version, Arch, Commit string
	Level                 uint16
	// Real is the program that is run instead, with Args added.
	Real string
	Args []string
	// Run is what it does for `run`: "" = the real program, "segv", "hang", "exit".
	Run string
	// Validate refuses the configuration when it is not empty.
	Validate string
}

func main() {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		panic(err)
	}
	var w what
	if err := json.Unmarshal(self[bytes.LastIndexByte(self, '\n')+1:], &w); err != nil {
		panic(err)
	}
	switch cmd := os.Args[1]; {
	case cmd == "version":
		fmt.Printf(`{"version":%q,"commit":%q,"arch":%q,"level":%d}`+"\n", w.Version, w.Commit, w.Arch, w.Level)
	case cmd == "validate" && w.Validate != "":
		fmt.Fprintln(os.Stderr, w.Validate)
		os.Exit(1)
	case cmd == "run" && w.Run == "segv":
		signal.Reset()
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGSEGV)
		time.Sleep(time.Hour)
	case cmd == "run" && w.Run == "hang":
		time.Sleep(1000 * time.Hour)
	case cmd == "run" && w.Run == "exit":
		os.Exit(1)
	case w.Real != "":
		args := append([]string{w.Real}, os.Args[1:]...)
		if cmd == "run" {
			args = append(args, w.Args...)
		}
		panic(syscall.Exec(w.Real, args, append(os.Environ(), "TOTE_TEST_VERSION="+w.Version, fmt.Sprint("TOTE_TEST_LEVEL=", w.Level))))
	}
}
