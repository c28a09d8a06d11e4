//go:build 386 || arm || mips || mipsle

package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"tote/agent/config"
	"tote/agent/identity"
	"tote/agent/satellite"
)

func (a *Agent) openStore() (store, func() error, error) { return a.openSatellite() }

// Everything below needs a store, and a 32-bit machine is a satellite.

// LookAtStore is for gateways with a store.
func LookAtStore(context.Context, *config.Config, *slog.Logger) (Held, error) {
	return Held{}, satellite.ErrNoStore
}

// Recover is for gateways with a store.
func Recover(context.Context, *config.Config, string, string, *slog.Logger) (Formed, error) {
	return Formed{}, satellite.ErrNoStore
}

// BackupStore is for gateways with a store.
func BackupStore(*config.Config, io.Writer, *slog.Logger) error { return satellite.ErrNoStore }

// VerifyBackup is for machines that can keep a store.
func VerifyBackup(io.Reader, string) (BackedUp, error) { return BackedUp{}, satellite.ErrNoStore }

// Restore is for gateways with a store.
func Restore(*config.Config, io.Reader, string, uint32, *slog.Logger) (Formed, BackedUp, error) {
	return Formed{}, BackedUp{}, satellite.ErrNoStore
}

func (a *Agent) hasLeft() bool { return Dismissed(a.store.Err()) }

// Dismissed says whether err means that this satellite was taken out of the site:
// started again it would hear the same.
func Dismissed(err error) bool { return errors.Is(err, identity.ErrDismissed) }
