package inspect

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"tote/drivers/all"
)

// WriteList writes a list for people.
func WriteList(w io.Writer, rows []Row) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "PORT\tNODE\tWHAT IS THERE\tDEVICE\tDRIVER\tSTATE")
	for _, r := range rows {
		what := "free"
		switch {
		case r.USB != nil:
			what = r.USB.String()
		case r.Console:
			what = "console of the machine"
		case r.Node == "" && strings.HasPrefix(r.Port, "/"):
			what = "not plugged in"
		case r.Node == "":
			what = "in the network, or not plugged in"
		case r.Holder != "" || r.Device != "":
			what = "a line that is no USB device"
		}
		if r.Identity != nil {
			what += " (" + r.Identity.String() + ")"
		}
		if r.Holder != "" {
			what += ", in use by " + r.Holder
		}
		driver := r.Driver
		if r.Evidence == unproven {
			driver += " (unproven)"
		}
		state := strings.TrimSpace(r.State + " " + r.Code)
		if r.Text != "" && r.Code != "" {
			state += " " + r.Text
		}
		fmt.Fprintln(tw, strings.Join([]string{dash(r.Port), dash(r.Node), printable(what), dash(r.Device), dash(driver), dash(printable(state))}, "\t"))
	}
	return tw.Flush()
}

// unproven is what all.Driver.Proof says of a driver without evidence.
var unproven = all.Driver{}.Proof()

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// WriteFinding writes what a probe found for people.
func WriteFinding(w io.Writer, f Finding) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", f.Port, printable(f.Text))
	if f.Line != "" {
		fmt.Fprintf(&b, " (%s)", f.Line)
	}
	b.WriteString("\n")
	if f.USB != nil {
		fmt.Fprintf(&b, "  %s\n", printable(f.USB.String()))
	}
	if f.Verdict == Unknown {
		fmt.Fprintf(&b, "  %s, it said: %s\n", f.Code, f.Heard)
	}
	if f.Evidence == unproven {
		fmt.Fprintf(&b, "  the driver is unproven: judged by nobody's bytes but our own\n")
	}
	if f.YAML != "" {
		b.WriteString("  for the configuration:\n")
		for line := range strings.Lines(f.YAML) {
			b.WriteString("    " + line)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteDrivers writes the table of drivers for people.
func WriteDrivers(w io.Writer, rows []all.Driver) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "DRIVER\tKIND\tLINE\tCAN BE ASKED\tJUDGED BY")
	for _, d := range rows {
		var lines []string
		for _, l := range d.Lines {
			lines = append(lines, Settings(l))
		}
		if d.TCPPort != 0 {
			lines = append(lines, fmt.Sprintf("tcp %d", d.TCPPort))
		}
		asked := "no"
		if d.Ask != nil {
			asked = "yes"
		}
		fmt.Fprintln(tw, strings.Join([]string{d.Name, string(d.Kind), dash(strings.Join(lines, ", ")), asked, d.Proof()}, "\t"))
	}
	return tw.Flush()
}
