package ziotc

import (
	"fmt"

	"tote/drivers/rfid"
)

// FixedReader makes the driver of a fixed reader. Antennas and power stay as the
// reader has them: they belong to its operating mode.
func FixedReader(s rfid.Settings) (rfid.Reader, error) { return reader(Fixed, s) }

// SledReader makes the driver of a sled.
func SledReader(s rfid.Settings) (rfid.Reader, error) { return reader(Sled, s) }

func reader(f Family, s rfid.Settings) (rfid.Reader, error) {
	if s.Power != 0 {
		return nil, fmt.Errorf("ziotc %s: power %d dBm: it is set in the operating mode of the reader", s.Name, s.Power)
	}
	cfg := Config{Name: s.Name, Family: f, Open: s.Open, Sink: s.Sink, Now: s.Now, Log: s.Log, OnStatus: s.OnStatus}
	if s.Barcode != nil {
		cfg.Barcode = func(b Barcode) { s.Barcode(b.Symbology, b.Data) }
	}
	d, err := New(cfg)
	if err != nil {
		return nil, err
	}
	return d, nil
}
