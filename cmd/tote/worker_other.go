//go:build !linux

package main

import (
	"errors"
	"os"
)

// hideTyping takes a PIN from a pipe only: elsewhere it would be shown.
func hideTyping(f *os.File) (show func(), terminal bool, err error) {
	info, err := f.Stat()
	if err == nil && info.Mode()&os.ModeCharDevice != 0 {
		err = errors.New("here a PIN cannot be typed unseen; send it on standard input")
	}
	return func() {}, false, err
}
