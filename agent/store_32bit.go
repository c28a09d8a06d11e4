//go:build 386 || arm || mips || mipsle

package agent

import "errors"

// ErrNoStore: a 32-bit gateway keeps no store.
var ErrNoStore = errors.New("STO-32BIT: this is a 32-bit machine and the store needs a 64-bit one (it would lose data in silence); run the gateway on arm64 or amd64")

func (a *Agent) openStore() (store, error) { return nil, ErrNoStore }
