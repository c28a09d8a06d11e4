package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fxamacker/cbor/v2"

	"tote/agent/config"
	"tote/agent/health"
	"tote/agent/identity"
	"tote/raftstore/peer"
)

// identityDir is where a gateway keeps who it is.
func identityDir(cfg *config.Config) string { return filepath.Join(cfg.DataDir, "identity") }

// storeDir is where it keeps the replicated store.
func storeDir(cfg *config.Config) string { return filepath.Join(cfg.DataDir, "store") }

// joinMethod is the one thing a newcomer may ask.
const joinMethod = "join"

// joinRequest is what a newcomer shows, over a connection it has checked
// against the pin of its token.
type joinRequest struct {
	TokenID   string `cbor:"1,keyasint"`
	Secret    []byte `cbor:"2,keyasint"`
	Gateway   string `cbor:"3,keyasint"`
	CSR       []byte `cbor:"4,keyasint"`
	Satellite bool   `cbor:"5,keyasint,omitempty"` // it keeps no store
}

// joinAnswer makes it a member.
type joinAnswer struct {
	Welcome identity.Welcome `cbor:"1,keyasint"`
	Peers   []string         `cbor:"2,keyasint"` // id@host:port of the members
}

// identity loads who this gateway is, and checks that the configuration says the
// same.
func (a *Agent) identity() (*identity.Identity, error) {
	if a.ident != nil {
		return a.ident, nil
	}
	id, err := identity.Load(identityDir(&a.cfg), time.Now)
	switch {
	case err != nil:
		return nil, err
	case id.Gateway != a.cfg.Gateway || id.Authority().Site() != a.cfg.Site:
		return nil, fmt.Errorf("%w: it says gateway %s of site %s, the identity is of gateway %s of site %s",
			identity.ErrOtherConfig, a.cfg.Gateway, a.cfg.Site, id.Gateway, id.Authority().Site())
	case id.Satellite() != a.cfg.Satellite():
		return nil, fmt.Errorf("%w: the configuration says store: %s", identity.ErrRole, a.cfg.Store)
	}
	a.ident = id
	return id, nil
}

// refusal is what the site said, as an error of this side.
func refusal(err error) error {
	said, ok := errors.AsType[*peer.RemoteError](err)
	if !ok {
		return err
	}
	if known := identity.ByCode(said.Code); known != nil {
		if strings.HasPrefix(said.Text, known.Error()) {
			return known
		}
		return fmt.Errorf("%w (%s)", known, said.Text)
	}
	return fmt.Errorf("the site refused: %s: %w", said.Code, err)
}

// Join makes this machine a member of the site that made the token: it asks the
// gateway at address (host:port) for a certificate and keeps what it gets. The
// gateway is added to the cluster when it is started; a satellite is in the site
// at once. Its errors name a code of the fault table and what to do.
func Join(ctx context.Context, cfg *config.Config, token, address string) (*identity.Identity, error) {
	id, err := join(ctx, cfg, token, address)
	return id, health.Explain(err)
}

func join(ctx context.Context, cfg *config.Config, token, address string) (*identity.Identity, error) {
	t, err := identity.ParseToken(token)
	if err != nil {
		return nil, err
	}
	if cfg.Alone() {
		return nil, errors.New("the configuration has no cluster.listen: the other gateways could not reach this one")
	}
	dir := identityDir(cfg)
	if _, err := identity.Load(dir, time.Now); !errors.Is(err, identity.ErrNone) {
		return nil, errors.Join(identity.ErrExists, err)
	}
	key, csr, err := identity.Request(cfg.Gateway)
	if err != nil {
		return nil, err
	}
	body, err := cbor.Marshal(joinRequest{TokenID: t.ID, Secret: t.Secret, Gateway: cfg.Gateway, CSR: csr, Satellite: cfg.Satellite()})
	if err != nil {
		return nil, err
	}
	conn, err := peer.DialJoin(ctx, address, identity.JoinTLS(t, cfg.Site, peer.ProtoJoin))
	if err != nil {
		if identity.Code(err) == "" {
			err = fmt.Errorf("%w: %w", identity.ErrNobody, err)
		}
		return nil, err
	}
	answer, err := peer.Ask(ctx, conn, joinMethod, body)
	if err != nil {
		return nil, refusal(err)
	}
	var ans joinAnswer
	if err := cbor.Unmarshal(answer, &ans); err != nil {
		return nil, fmt.Errorf("the answer of %s: %w", address, err)
	}
	if (len(ans.Welcome.CAKey) == 0) != cfg.Satellite() { // a version that knows no satellites
		return nil, fmt.Errorf("%w: %s gave that of a gateway with a store", identity.ErrRole, address)
	}
	id, err := identity.Accept(dir, t, ans.Welcome, key, time.Now)
	if err != nil {
		return nil, err
	}
	return id, identity.KeepPeers(dir, ans.Peers)
}

// SetAside moves what this machine holds of an earlier membership out of the
// way, so that it can join anew. Nothing is deleted; it returns the new names.
func SetAside(cfg *config.Config, now time.Time) (moved []string, err error) {
	lock, err := os.OpenFile(filepath.Join(storeDir(cfg), "LOCK"), os.O_RDWR, 0)
	if err == nil {
		defer func() { err = errors.Join(err, lock.Close()) }()
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			return nil, fmt.Errorf("STO-106: a gateway runs on %s; stop it first", storeDir(cfg))
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, dir := range []string{storeDir(cfg), identityDir(cfg)} {
		to := dir + ".old-" + now.UTC().Format("20060102-150405")
		switch err := os.Rename(dir, to); {
		case err == nil:
			moved = append(moved, to)
		case !errors.Is(err, os.ErrNotExist):
			return moved, err
		}
	}
	return moved, nil
}
