package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tote/demo/data"
	"tote/demo/gen"
	"tote/firmware-tests/emulate"
)

// The simulated site: two pack stations, one with its printer on a serial line
// and one with it on the network, and a dock door.
var packStations = []string{"pack1", "pack2"}

const dockID = "dock1"

// writeFiles puts the files of the shift into dir: those of the repository, or
// as many orders as asked for.
func writeFiles(dir string, orders int) error {
	if orders == 0 || orders == data.Orders {
		return data.Write(dir)
	}
	d, err := gen.New(orders)
	if err != nil {
		return err
	}
	return d.Write(dir)
}

func (s *shift) startOMS(ctx context.Context) error {
	listen := s.opt.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	_, up, err := s.procs.startReady(ctx, "oms", 1, "oms", "--json", "--listen", listen, "--db", filepath.Join(s.dir, "oms.db"), "--site", siteID)
	if err != nil {
		return err
	}
	s.addr.oms = up[0].Addr
	s.oms = newClient(s.addr.oms)
	s.ui.say("OMS              http://%s", s.addr.oms)
	return nil
}

// startDevices starts the emulators, one process per station.
func (s *shift) startDevices(ctx context.Context) error {
	dev := filepath.Join(s.dir, "dev")
	if err := os.MkdirAll(dev, 0o755); err != nil {
		return err
	}
	at := func(kind, name string) emulate.Device {
		return emulate.Device{Kind: kind, Name: name, Link: s.serial(name)}
	}
	onNetwork := emulate.Device{Kind: emulate.Printer, Name: "pack2/printer", Listen: "127.0.0.1:0"}
	groups := map[string][]emulate.Device{
		"pack1": {at(emulate.Scale, "pack1/scale"), at(emulate.Printer, "pack1/printer"), at(emulate.Scanner, "pack1/scanner"), s.board("pack1")},
		"pack2": {at(emulate.Scale, "pack2/scale"), onNetwork, at(emulate.Scanner, "pack2/scanner"), s.board("pack2")},
		dockID:  {at(emulate.Scanner, dockID+"/scanner")},
	}
	portal := ""
	if s.hasPortal() {
		groups[dockID] = append(groups[dockID], at(emulate.RFID, dockID+"/rfid"), s.board(dockID))
		portal = ", 1 RFID reader, 1 photo-eye"
	}
	for _, name := range sortedKeys(groups) {
		if err := s.startGroup(ctx, name, groups[name]); err != nil {
			return err
		}
	}
	s.ui.say("devices          2 scales, 2 printers, 3 scanners, 2 light towers%s on %s", portal, dev)
	return nil
}

// fileName is the name of a device as a file.
func fileName(device string) string { return strings.ReplaceAll(device, "/", "-") }

// serial is the path of a device on a serial line.
func (s *shift) serial(device string) string { return filepath.Join(s.dir, "dev", fileName(device)) }

// importSite tells the gateway what a site engineer would: rules, items, bins,
// workers and the counted stock.
func (s *shift) importSite(ctx context.Context) error {
	site := s.data.Site
	site.ID = siteID
	body, err := json.Marshal(site)
	if err != nil {
		return err
	}
	if err := s.gateway.send(ctx, "PUT", "/v1/site", "application/json", body, nil); err != nil {
		return err
	}
	for _, kind := range []string{"items", "bins", "workers", "stock"} {
		body, err := os.ReadFile(filepath.Join(s.opt.CSV, kind+".csv"))
		if err != nil {
			return err
		}
		if err := s.gateway.send(ctx, "POST", "/v1/import/"+kind, "text/csv", body, nil); err != nil {
			return fmt.Errorf("%s.csv: %w", kind, err)
		}
	}
	s.ui.say("site             %d items, %d bins, %d positions of stock", len(s.data.Items), len(s.data.Bins), len(s.data.Stock))
	return nil
}

// placeOrders hands the order file to the OMS.
func (s *shift) placeOrders(ctx context.Context) error {
	body, err := os.ReadFile(filepath.Join(s.opt.CSV, "orders.csv"))
	if err != nil {
		return err
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if err := s.oms.send(ctx, "POST", "/v1/orders", "text/csv", body, nil); err != nil {
		return err
	}
	lines := 0
	for _, o := range s.data.Orders {
		lines += len(o.Lines)
	}
	s.ui.say("orders           %d orders, %d lines, %d of them not paid yet", len(s.data.Orders), lines, len(s.data.Pending))
	return nil
}

// settlePending pays the orders that were placed unpaid: only now may the site
// hear of them.
func (s *shift) settlePending(ctx context.Context) error {
	for _, id := range s.data.Pending {
		if _, err := s.gateway.order(ctx, id); !errors.Is(err, errNotFound) {
			return fmt.Errorf("order %s is not paid, and the site knows it already (%v)", id, err)
		}
		if err := s.oms.send(ctx, "POST", "/v1/orders/"+id+"/payment", "application/json", []byte(`{"state":"settled"}`), nil); err != nil {
			return err
		}
	}
	return nil
}

// physics sets how fast an emulated device is: as in life, divided by the speed.
func (s *shift) physics(g *emulate.Device) {
	scaled := func(ms, least int64) int64 {
		if s.opt.Speed == 0 {
			return least
		}
		return max(least, int64(float64(ms)/s.opt.Speed))
	}
	switch g.Kind {
	case emulate.Scale:
		g.Scale.SettleMs = scaled(1200, 40)
	case emulate.Printer:
		g.Printer.LabelMs = scaled(1500, 30)
	case emulate.RFID:
		g.RFID.PerSecond = 700 // what makers promise of this chip
	}
}

// pollMs is how often the gateway asks the scales.
func (s *shift) pollMs() int {
	if s.opt.Speed == 0 || s.opt.Speed > 10 {
		return 20
	}
	return 100
}

// freePorts finds loopback addresses nobody listens on. They lie below the ports
// the kernel hands out (ip_local_port_range, 32768 and up): a gateway comes to
// its port later, and again after a power cut, and until then no connection of
// another program may get it.
func freePorts(n int) ([]string, error) {
	const low, high, tries = 12000, 32000, 1000
	var out []string
	for range tries {
		if len(out) == n {
			return out, nil
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(low+rand.IntN(high-low))))
		if err != nil {
			continue // taken
		}
		defer func() { _ = l.Close() }() // held until all are found
		out = append(out, l.Addr().String())
	}
	return nil, fmt.Errorf("no %d free ports from %d to %d", n, low, high)
}
