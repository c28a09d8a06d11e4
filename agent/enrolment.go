package agent

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"tote/agent/access"
	"tote/agent/api"
	"tote/agent/broker"
	"tote/agent/enrol"
	"tote/agent/identity"
	"tote/agent/identity/members"
	"tote/agent/replica"
	"tote/warehouse"
)

// newEnrolment makes the desk that lets devices in.
func (a *Agent) newEnrolment() *enrol.Desk {
	cfg := enrol.Config{
		Log: a.log, Site: a.cfg.Site, View: a.answerable, Base: a.base,
		Now: func() time.Time { return a.store.Now() },
		Do: func(ctx context.Context, actor string, c members.Command) (warehouse.Result, error) {
			if a.cfg.Satellite() {
				return warehouse.Result{}, askAnother()
			}
			return a.doMembers(ctx, actor, c)
		},
	}
	if id := a.ident; id != nil {
		cfg.CA = func() ([]byte, string) { return id.CA(), id.Fingerprint() }
		if !a.cfg.Satellite() {
			cfg.Sign = id.IssueDevice
		}
	}
	return enrol.New(cfg)
}

// doMembers records a command of package members.
func (a *Agent) doMembers(ctx context.Context, actor string, c members.Command) (warehouse.Result, error) {
	kind, version, body, err := members.Encode(c)
	if err != nil {
		return warehouse.Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	return a.store.DoRaw(ctx, replica.By{ID: newID(), Actor: actor}, kind, version, body)
}

// base is where the network reaches the pages of this gateway: under the first name
// of the configuration, else at the address it listens on.
func (a *Agent) base() string {
	if a.https == nil {
		return ""
	}
	host, port, err := net.SplitHostPort(a.https.Addr)
	if err != nil {
		return ""
	}
	if called := a.cfg.HTTP.HTTPS.Called(); len(called) > 0 {
		host = called[0]
	} else if ip := net.ParseIP(host); ip.IsUnspecified() {
		host = a.cfg.Gateway
		if at := addressesOf(); len(at) > 0 {
			host = at[0]
		}
	}
	return "https://" + net.JoinHostPort(host, port)
}

// admitted remembers with what each MQTT client was let in, so that it can be cut off
// when that is not good any more.
type admitted struct {
	mu   sync.Mutex
	with map[string]credential // by client id
}

type credential struct {
	device, kind string
	hash         []byte
}

// admit says whether an MQTT client is an enrolled device: by its certificate, or by
// its password.
func (a *Agent) admit(clientID string, password []byte, shown *tls.ConnectionState) error {
	c := credential{device: enrol.DeviceOf(clientID), kind: members.BySecret}
	sum := sha256.Sum256(password)
	c.hash = sum[:]
	if shown != nil {
		if role, name, key, ok := identity.DeviceOf(*shown); ok {
			if role+":"+name != c.device {
				return fmt.Errorf("%w: its certificate is that of %s:%s", identity.ErrNoDevice, role, name)
			}
			c.kind, c.hash = members.ByKey, key
		}
	}
	rec, err := a.enrol.Known(c.device, c.kind, c.hash)
	if err != nil {
		return err
	}
	if rec == nil {
		return identity.ErrNoDevice
	}
	a.admitted.mu.Lock()
	defer a.admitted.mu.Unlock()
	if a.admitted.with == nil || len(a.admitted.with) > 2*members.MaxDevices {
		a.admitted.with = map[string]credential{}
	}
	a.admitted.with[clientID] = c
	return nil
}

// membersChanged ends the connections of devices whose credential is not good any
// more, and of gateways that were revoked.
func (a *Agent) membersChanged() {
	a.admitted.mu.Lock()
	var gone []string
	for id, c := range a.admitted.with {
		if rec, err := a.enrol.Known(c.device, c.kind, c.hash); err == nil && rec == nil {
			gone = append(gone, id)
			delete(a.admitted.with, id)
		}
	}
	a.admitted.mu.Unlock()
	for _, id := range gone {
		a.log.Info("a device is cut off", "device", id)
	}
	if len(gone) > 0 {
		a.broker.Cut(func(dev broker.Device) bool {
			for _, id := range gone {
				if id == dev.String() || dev.Class == broker.ClassReader && id == dev.ID {
					return true
				}
			}
			return false
		})
	}
	a.visits.look()
	a.followAuthority()
	a.bansChanged()
}

// visits are the requests of enrolled devices that are being answered. A page holds
// one open for hours.
type visits struct {
	mu   sync.Mutex
	open map[*visit]struct{}
}

type visit struct {
	good func() bool
	end  context.CancelFunc
}

func (v *visits) look() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for o := range v.open {
		if !o.good() {
			o.end()
		}
	}
}

// watched ends a request when whoever sent it is taken out meanwhile.
func (a *Agent) watched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(access.Name(r.Context()), ":") { // a token, or nobody
			next.ServeHTTP(w, r)
			return
		}
		ctx, end := context.WithCancel(r.Context())
		defer end()
		o := &visit{end: end, good: func() bool { return a.enrol.Enrolled(nil, r) != nil }}
		a.visits.mu.Lock()
		if a.visits.open == nil {
			a.visits.open = map[*visit]struct{}{}
		}
		a.visits.open[o] = struct{}{}
		a.visits.mu.Unlock()
		defer func() {
			a.visits.mu.Lock()
			delete(a.visits.open, o)
			a.visits.mu.Unlock()
		}()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// ending lists what lets somebody in and is over, or nearly. The gateways with a
// store tell of devices: a satellite would have to ask them, and this waits for
// nobody.
func (a *Agent) ending() (out []api.Ending) {
	var rows []enrol.Row
	if !a.cfg.Satellite() {
		rows, _, _ = a.enrol.List() // what cannot be read is told elsewhere
	}
	for _, r := range rows {
		if r.Code != "" {
			out = append(out, api.Ending{About: r.Role + ":" + r.Name, Code: r.Code, Text: r.Text})
		}
	}
	if a.server == nil {
		return out
	}
	if left := a.server.Expires().Sub(a.store.Now()); left < enrol.Soon {
		code, _, _ := strings.Cut(identity.ErrRenew.Error(), ":")
		out = append(out, api.Ending{About: "listeners", Code: code, Text: "their certificate ends on " + a.server.Expires().Format(time.DateOnly)})
	}
	return out
}
