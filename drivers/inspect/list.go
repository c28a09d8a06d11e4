package inspect

import (
	"tote/drivers"
	"tote/drivers/all"
	"tote/drivers/serialport"
)

// Device is a device of the configuration, with what the running agent says of
// it when there is one.
type Device struct {
	Name, Driver string
	Line         *serialport.Config // nil: in the network, or only the agent knows
	Where        string             // as configured
	Node         string             // where that is now, when the agent said so

	State, Code, Text string // "" when no agent was asked
	Identity          drivers.Identity
}

// Row is one line of the list: a port, with the device on it when there is one,
// or a device without a port.
type Row struct {
	Port    string          `json:"port"`           // its stable name
	Node    string          `json:"node,omitempty"` // "" when it is not there
	USB     *serialport.USB `json:"usb,omitempty"`
	Console bool            `json:"console,omitempty"`
	Holder  string          `json:"holder,omitempty"` // who has it open

	Device   string            `json:"device,omitempty"` // of the configuration
	Driver   string            `json:"driver,omitempty"`
	Evidence string            `json:"evidence,omitempty"` // of the driver: whose bytes it was judged by, or unproven
	State    string            `json:"state,omitempty"`
	Code     string            `json:"code,omitempty"`
	Text     string            `json:"text,omitempty"`
	Identity *drivers.Identity `json:"identity,omitempty"`
}

// List joins ports and devices: the ports in their order, then the devices that
// are at none. holder says who has a node open.
func List(ports []serialport.Info, devices []Device, holder func(node string) string) []Row {
	var rows []Row
	placed := map[string]bool{}
	for _, p := range ports {
		row := Row{Port: p.Stable(), Node: p.Node, USB: p.USB, Console: p.Console, Holder: holder(p.Node)}
		for _, d := range devices {
			if !placed[d.Name] && d.at(p) {
				placed[d.Name] = true
				row.put(d)
				break
			}
		}
		rows = append(rows, row)
	}
	for _, d := range devices {
		if !placed[d.Name] {
			row := Row{Port: d.Where, Node: d.Node}
			if row.Node != "" {
				row.Holder = holder(row.Node)
			}
			row.put(d)
			rows = append(rows, row)
		}
	}
	return rows
}

// at tells whether the device is plugged in there.
func (d Device) at(p serialport.Info) bool {
	return d.Node != "" && d.Node == p.Node || d.Line != nil && d.Line.Is(p)
}

func (r *Row) put(d Device) {
	r.Device, r.Driver, r.State, r.Code, r.Text = d.Name, d.Driver, d.State, d.Code, d.Text
	if known, ok := all.Find(d.Driver); ok {
		r.Evidence = known.Proof()
	}
	if d.Identity.Known() {
		r.Identity = &d.Identity
	}
}
