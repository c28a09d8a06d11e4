package scanner

import (
	"errors"
	"time"

	"tote/gs1/fault"
	"tote/gs1/scan"
)

// newReader makes the reader of a configuration, nil where there is none.
func newReader(c *scan.Config) (*scan.Reader, error) {
	if c == nil {
		return nil, nil
	}
	return scan.New(*c)
}

// deliver hands a scan on. A label that is wrong is refused here, where the
// person stands who scanned it; it says nothing against the scanner.
func (d *Driver) deliver(data string, now time.Time) {
	out := Scan{Data: data, Raw: data, At: now}
	if d.reader != nil {
		s, err := d.reader.Read(data)
		if err != nil {
			d.refuse(err, now)
			return
		}
		out.Rule = s.Rule
		// Bare digits may be a code of the site's own, and text is text.
		if out.Data = s.Canonical(); s.Rule == scan.RuleDigits {
			out.Data = d.reader.Bare(data)
		}
		if d.cfg.Log != nil {
			d.cfg.Log.Debug("scan", "device", d.cfg.Name, "data", data, "rule", string(s.Rule))
		}
	}
	d.stats.scans.Add(1)
	d.cfg.Sink(out)
}

func (d *Driver) refuse(err error, now time.Time) {
	d.stats.rejects.Add(1)
	r := Reject{Text: err.Error(), At: now}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		r.Code, r.Text = f.Code, f.Cause+" "+f.Action
	}
	d.cfg.OnReject(r)
}
