package r2000

import (
	"slices"

	"tote/drivers/rfid"
)

// Reader is New with the settings every family has. A port above the fourth
// means a reader with eight.
func Reader(s rfid.Settings) (rfid.Reader, error) {
	cfg := Config{
		Name: s.Name, Open: s.Open, Sink: s.Sink, Antennas: s.Antennas, Power: s.Power,
		Now: s.Now, Log: s.Log, OnStatus: s.OnStatus,
	}
	if len(s.Antennas) > 0 && slices.Max(s.Antennas) > DefaultPorts {
		cfg.Ports = 8
	}
	d, err := New(cfg)
	if err != nil {
		return nil, err
	}
	return d, nil
}
