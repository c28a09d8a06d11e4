package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"tote/agent/api"
	"tote/agent/config"
	"tote/agent/health"
	"tote/agent/identity"
	"tote/agent/update"
	"tote/drivers/serialport"
)

// Told is what a running agent said.
type Told struct {
	// Err is why it said nothing, nil when it did. Everything else may be nil then.
	Err      error
	Status   *api.Status
	Cluster  *api.ClusterStatus
	Metrics  map[string]float64 // of GET /metrics, as metrics.Values reads them
	NotReady string             // why it cannot record scans; "" = it can
}

// Patient is one gateway.
type Patient struct {
	File      string         // its configuration
	Config    *config.Config // nil when ConfigErr is not
	ConfigErr error
	Warnings  config.Problems // of a valid one
	Agent     Told
	Machine   Machine
	Slots     update.Slots // of its programs; without a folder it has none
}

// Checks are all there are.
func (p Patient) Checks() []Check {
	return []Check{
		{"config", p.config},
		{"agent", p.agent},
		{"disk", p.disk},
		{"wear", p.wear},
		{"sync", p.sync},
		{"clock", p.clock},
		{"network", p.network},
		{"certificates", p.certificates},
		{"listeners", p.listeners},
		{"enrolled", p.enrolled},
		{"modules", p.modules},
		{"devices", p.devices},
		{"gateways", p.gateways},
		{"quorum", p.quorum},
		{"backup", p.backup},
		{"outbox", p.outbox},
		{"mqtt", p.mqtt},
		{"update", p.updates},
	}
}

func one(level, code, format string, args ...any) []Finding {
	return []Finding{{Level: level, Code: code, Text: fmt.Sprintf(format, args...)}}
}

func about(name string, f []Finding) []Finding {
	for i := range f {
		f[i].About = name
	}
	return f
}

func (p Patient) noConfig() []Finding {
	if p.Config == nil {
		return one(Skipped, "", "without a valid configuration nobody knows what to look at")
	}
	return nil
}

func (p Patient) noAgent() []Finding {
	if p.Agent.Status == nil {
		return one(Skipped, "", "only a running agent can tell")
	}
	return nil
}

func (p Patient) config(context.Context) []Finding {
	if p.ConfigErr != nil {
		return one(Broken, health.CodeConfigBad, "%s", strings.ReplaceAll(p.ConfigErr.Error(), "\n", "\n    "))
	}
	out := one(Fine, "", "%s is valid", p.File)
	for _, w := range p.Warnings {
		f := one(Warning, w.Code, "line %d: %s", w.Line, w.Text)
		f[0].Cause, f[0].Action = w.Cause, w.Action
		out = append(out, about(w.Path, f)...)
	}
	return out
}

func (p Patient) agent(context.Context) []Finding {
	switch {
	case p.Agent.Err != nil:
		return one(Broken, health.CodeAgentDown, "%v", p.Agent.Err)
	case p.Agent.NotReady != "":
		return one(Broken, health.CodeNotReady, "%s", p.Agent.NotReady)
	}
	return one(Fine, "", "it records scans")
}

// certSoon is a third of the life of a certificate of the site: it renews itself
// long before.
const certSoon = 14 * 24 * time.Hour

func (p Patient) certificates(context.Context) []Finding {
	if out := p.noConfig(); out != nil {
		return out
	}
	files := map[string]string{}
	if p.Config.Identified() {
		files["site"] = filepath.Join(p.identityDir(), identity.CertFile)
	}
	for _, l := range p.Config.MQTT.Listen {
		if l.TLS != nil && !l.TLS.OfSite() {
			files[l.Address] = l.TLS.Cert
		}
	}
	if h := p.Config.HTTP.HTTPS; h != nil && h.TLS != nil && !h.TLS.OfSite() {
		files[h.Listen] = h.TLS.Cert
	}
	var out []Finding
	for name, file := range files {
		end, err := identity.EndOf(file)
		left := end.Sub(p.Machine.Now())
		f := one(Fine, "", "until %s", end.Format(time.DateOnly))
		switch {
		case errors.Is(err, fs.ErrPermission):
			f = one(Skipped, "", "%v; run tote doctor as root", err)
		case err != nil:
			f = one(Broken, health.CodeCertBad, "%v", err)
		case left <= 0:
			f = one(Broken, health.CodeCertOver, "it ended on %s", end.Format(time.DateOnly))
		case left < certSoon:
			f = one(Warning, health.CodeCertSoon, "it ends on %s", end.Format(time.DateOnly))
		}
		out = append(out, about(name, f)...)
	}
	slices.SortFunc(out, func(a, b Finding) int { return strings.Compare(a.About, b.About) })
	if out == nil {
		return one(Fine, "", "the configuration has none")
	}
	return out
}

// listeners names those that a network reaches without TLS.
func (p Patient) listeners(context.Context) []Finding {
	if out := p.noConfig(); out != nil {
		return out
	}
	var out []Finding
	for _, l := range p.Config.Exposed() {
		out = append(out, about(l, one(Warning, identity.CodeExposed, "INSECURE: no TLS, and the network reaches it"))...)
	}
	if out == nil {
		return one(Fine, "", "none that the network reaches without TLS")
	}
	return out
}

// enrolled names the devices of the site whose time is over or nearly.
func (p Patient) enrolled(context.Context) []Finding {
	if out := p.noAgent(); out != nil {
		return out
	}
	var out []Finding
	for _, e := range p.Agent.Status.Gateway.Ending {
		out = append(out, about(e.About, one(Warning, e.Code, "%s", e.Text))...)
	}
	if out == nil {
		return one(Fine, "", "nothing ends within two weeks")
	}
	return out
}

// onUSB says whether a device is a serial one on USB, as far as its name tells.
func onUSB(d config.Device) bool {
	return d.Serial != nil && (d.Serial.USB != "" || strings.Contains(d.Serial.Path, "usb"))
}

func (p Patient) modules(context.Context) []Finding {
	if out := p.noConfig(); out != nil {
		return out
	}
	if !slices.ContainsFunc(p.Config.Devices(), onUSB) {
		return one(Fine, "", "no device needs a driver for USB serial ports")
	}
	b, err := fs.ReadFile(p.Machine.Root, "proc/devices")
	switch {
	case err != nil:
		return one(Skipped, "", "%v", err)
	case strings.Contains(string(b), " ttyUSB\n"), strings.Contains(string(b), " ttyACM\n"):
		return one(Fine, "", "the drivers for USB serial ports are loaded")
	}
	return one(Warning, health.CodeNoUSBSerial, "/proc/devices has neither ttyUSB nor ttyACM")
}

func (p Patient) devices(context.Context) []Finding {
	if out := p.noConfig(); out != nil {
		return out
	}
	ports, err := serialport.Ports(p.Machine.Root)
	if err != nil {
		return one(Skipped, "", "the ports cannot be listed: %v", err)
	}
	out, usb, gone := []Finding{}, 0, 0
	for _, d := range p.Config.Devices() {
		var f []Finding
		if d.Serial != nil {
			f = p.port(d, ports)
		}
		if onUSB(d) {
			usb++
			if f != nil && f[0].Code == health.CodePortGone {
				gone++
			}
		}
		f = append(f, p.state(d)...)
		for i := range f {
			f[i].over = wayTo(d, ports)
		}
		out = append(out, about(d.Name, f)...)
	}
	if usb > 1 && gone == usb {
		out = append(out, about("usb", one(Broken, health.CodeHubGone, "none of %d is there", usb))...)
	}
	if len(out) == 0 {
		return one(Fine, "", "nothing is wrong with %d devices", len(p.Config.Devices()))
	}
	return out
}

// wayTo is the way to a device, as the table of dependencies has it.
func wayTo(d config.Device, ports []serialport.Info) string {
	switch {
	case d.TCP != "":
		return health.OverNetwork
	case onUSB(d):
		line := d.Serial.Port(d.Name)
		for _, i := range ports {
			if i.USB != nil && line.Is(i) {
				return health.OverUSB + i.USB.Socket
			}
		}
		return health.OverUSB
	case d.Serial == nil && d.HID == nil && d.Input == nil:
		return health.OverBroker
	}
	return ""
}

// port is what is wrong with the port of a device, nil when nothing is.
func (p Patient) port(d config.Device, ports []serialport.Info) []Finding {
	line := d.Serial.Port(d.Name)
	at := slices.IndexFunc(ports, line.Is)
	if at < 0 {
		if d.Serial.Path != "" {
			if _, err := fs.Stat(p.Machine.Root, strings.TrimPrefix(d.Serial.Path, "/")); err == nil {
				return nil // one that no machine lists, as a pseudo-terminal
			}
		}
		return one(Warning, health.CodePortGone, "no %s", line.Where())
	}
	// With the agent at work it is the agent that holds it.
	who := p.Machine.Holder(ports[at].Node)
	if who == "" || strings.HasPrefix(who, "tote ") && p.Agent.Status != nil {
		return nil
	}
	return one(Warning, health.CodePortHeld, "%s is held by %s", ports[at].Stable(), who)
}

// state is what the agent says of a device that is not ready.
func (p Patient) state(d config.Device) []Finding {
	if p.Agent.Status == nil {
		return nil
	}
	list := p.Agent.Status.Gateway.Devices
	at := slices.IndexFunc(list, func(s api.Device) bool { return s.Name == d.Name })
	if at < 0 || list[at].State == "ready" {
		return nil
	}
	s := list[at]
	text := strings.TrimSuffix(fmt.Sprintf("%s since %s: %s %s", s.State, s.Since, s.Code, s.Text), " ")
	f := one(Warning, health.CodeDeviceDown, "%s", text)
	if known, ok := health.Find(s.Code); ok {
		f[0].Cause, f[0].Action = known.Cause, known.Action
	}
	return f
}

// gateways looks at the others: by what the agent hears, else by knocking.
func (p Patient) gateways(ctx context.Context) []Finding {
	if out := p.noConfig(); out != nil {
		return out
	}
	if p.Config.Alone() {
		return one(Fine, "", "this gateway is alone")
	}
	if c := p.Agent.Cluster; c != nil && len(c.Members) > 0 {
		var out []Finding
		for _, m := range c.Members {
			if m.ID != c.Gateway && m.State == api.StateDown {
				out = append(out, about(m.ID, one(Warning, health.CodeGatewayGone, "not heard since %s", m.Seen))...)
			}
		}
		if out == nil {
			return one(Fine, "", "all of %d are heard", len(c.Members))
		}
		return out
	}
	addresses, err := identity.Peers(p.identityDir())
	for _, g := range p.Config.Cluster.Gateways {
		addresses = append(addresses, g.Address)
	}
	if len(addresses) == 0 {
		if err != nil {
			return one(Skipped, "", "%v", err)
		}
		return one(Skipped, "", "the agent does not run and no addresses are kept here")
	}
	return p.knock(ctx, addresses)
}

// knock tries all addresses at once.
func (p Patient) knock(ctx context.Context, addresses []string) []Finding {
	slices.Sort(addresses)
	addresses = slices.Compact(addresses)
	found := make([][]Finding, len(addresses))
	var wg sync.WaitGroup
	for i, a := range addresses {
		id, address, _ := strings.Cut(a, "@")
		if id == p.Config.Gateway {
			continue
		}
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			found[i] = about(id, one(Fine, "", "%s is open", address))
			if err := p.Machine.Dial(ctx, address); err != nil {
				found[i] = about(id, one(Warning, health.CodeGatewayGone, "%v", err))
			}
		})
	}
	wg.Wait()
	return slices.Concat(found...)
}

func (p Patient) quorum(context.Context) []Finding {
	if out := p.noAgent(); out != nil {
		return out
	}
	if q := p.Agent.Status.Quorum; !q.OK {
		return one(Broken, health.CodeNoQuorum, "since %s: %s", q.Since, q.Text)
	}
	return one(Fine, "", "the site records")
}

// backup looks at the scheduled ones. A site without is told so: it is no fault.
func (p Patient) backup(context.Context) []Finding {
	if out := p.noConfig(); out != nil {
		return out
	}
	if p.Config.Satellite() {
		return one(Fine, "", "a satellite has no state to copy")
	}
	if p.Config.Backup == nil {
		return one(Skipped, "", "none are scheduled (docs/backup.md)")
	}
	if out := p.noAgent(); out != nil {
		return out
	}
	b := p.Agent.Status.Gateway.Backup
	switch {
	case b == nil:
		return one(Skipped, "", "the agent does not know of any: it runs with an older configuration, or is starting")
	case b.Code != "":
		return one(Warning, b.Code, "%s", strings.TrimPrefix(b.Text, b.Code+": "))
	case b.Last == nil:
		return one(Fine, "", "none yet; the first one will be in %s", b.Target)
	}
	return one(Fine, "", "the last one is %s, made by %s, in %s", b.Last.Name, b.Last.Gateway, b.Target)
}

func (p Patient) outbox(context.Context) []Finding {
	if out := p.noAgent(); out != nil {
		return out
	}
	s := p.Agent.Status
	age := (time.Duration(s.OutboxAge) * time.Millisecond).Round(time.Second)
	if age > time.Hour {
		return one(Warning, health.CodeOutboxOld, "%d events wait, the oldest for %v", s.Outbox, age)
	}
	return one(Fine, "", "%d events wait", s.Outbox)
}

func (p Patient) mqtt(context.Context) []Finding {
	if p.Agent.Metrics == nil {
		return one(Skipped, "", "only a running agent can tell")
	}
	m := p.Agent.Metrics
	slow, unheard := m["tote_mqtt_dropped_total"], m["tote_mqtt_unheard_total"]
	if slow+unheard > 0 {
		return one(Warning, health.CodeMQTTDrops, "since the start of the agent %.0f clients were too slow and %.0f messages not heard", slow, unheard)
	}
	return one(Fine, "", "%.0f clients, none too slow", m["tote_mqtt_clients"])
}
