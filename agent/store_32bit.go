//go:build 386 || arm || mips || mipsle

package agent

import (
	"context"
	"errors"
	"time"

	"tote/agent/config"
	"tote/agent/identity"
)

// ErrNoStore: a 32-bit gateway keeps no store.
var ErrNoStore = errors.New("STO-32BIT: this is a 32-bit machine and the store needs a 64-bit one (it would lose data in silence); run the gateway on arm64 or amd64")

func (a *Agent) openStore() (store, func() error, error) { return nil, nil, ErrNoStore }

// SetAside is for gateways with a store.
func SetAside(*config.Config, time.Time) ([]string, error) { return nil, ErrNoStore }

// Join is for gateways with a store.
func Join(context.Context, *config.Config, string, string) (*identity.Identity, error) {
	return nil, ErrNoStore
}

func (a *Agent) hasLeft() bool { return false }
