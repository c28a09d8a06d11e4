package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// endWithUs lets a process end when this one dies.
func endWithUs(p *exec.Cmd) {
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// syncDisk writes out what the kernel holds of the file system with dir.
func syncDisk(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}

// procValue reads a number of /proc/PID/file, in the unit it has there.
func procValue(pid int, file, key string) (float64, error) {
	name := fmt.Sprintf("/proc/%d/%s", pid, file)
	data, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if v, ok := strings.CutPrefix(line, key+":"); ok {
			return strconv.ParseFloat(strings.Fields(v)[0], 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", name, key)
}

// sumOf adds a number up over processes.
func sumOf(pids []int, file, key string) (sum float64, err error) {
	for _, pid := range pids {
		v, err := procValue(pid, file, key)
		if err != nil {
			return 0, err
		}
		sum += v
	}
	return sum, nil
}

// loadAverage is that of the last minute.
func loadAverage() float64 {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	v, _ := strconv.ParseFloat(strings.Fields(string(data))[0], 64)
	return v
}

// cpuSeconds is what processes have used of the processors.
func cpuSeconds(pids []int) (sum float64, err error) {
	for _, pid := range pids {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		// The second field may hold spaces, but it ends with the last bracket.
		w := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
		for _, field := range w[11:13] { // user and system, in hundredths
			v, err := strconv.ParseFloat(field, 64)
			if err != nil {
				return 0, err
			}
			sum += v / 100
		}
	}
	return sum, nil
}
