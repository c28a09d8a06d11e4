package main

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// hideTyping turns the echo of a terminal off until show is called, also when the
// command is interrupted meanwhile. What is no terminal has none.
func hideTyping(f *os.File) (show func(), terminal bool, err error) {
	fd := int(f.Fd())
	was, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return func() {}, false, nil
	}
	quiet := *was
	quiet.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &quiet); err != nil {
		return nil, true, err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	done := make(chan struct{})
	go func() {
		select {
		case <-stop:
			_ = unix.IoctlSetTermios(fd, unix.TCSETS, was) // the terminal is gone when this fails
			os.Exit(130)
		case <-done:
		}
	}()
	return func() {
		signal.Stop(stop)
		close(done)
		_ = unix.IoctlSetTermios(fd, unix.TCSETS, was) // as above
	}, true, nil
}
