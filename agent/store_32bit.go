//go:build 386 || arm || mips || mipsle

package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"
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

// LookAtStore is for gateways with a store.
func LookAtStore(context.Context, *config.Config, *slog.Logger) (Held, error) {
	return Held{}, ErrNoStore
}

// Recover is for gateways with a store.
func Recover(context.Context, *config.Config, string, string, *slog.Logger) (Formed, error) {
	return Formed{}, ErrNoStore
}

// BackupStore is for gateways with a store.
func BackupStore(*config.Config, io.Writer, *slog.Logger) error { return ErrNoStore }

// VerifyBackup is for machines that can keep a store.
func VerifyBackup(io.Reader, string) (BackedUp, error) { return BackedUp{}, ErrNoStore }

// Restore is for gateways with a store.
func Restore(*config.Config, io.Reader, string, uint32, *slog.Logger) (Formed, BackedUp, error) {
	return Formed{}, BackedUp{}, ErrNoStore
}

func (a *Agent) hasLeft() bool { return false }
