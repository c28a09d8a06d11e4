package llrp

import "tote/drivers/rfid"

// Reader is New with the settings every family has.
func Reader(s rfid.Settings) (rfid.Reader, error) {
	d, err := New(Config{
		Name: s.Name, Open: s.Open, Sink: s.Sink, Antennas: s.Antennas, Power: s.Power, Version: s.Version,
		Now: s.Now, Log: s.Log, OnStatus: s.OnStatus,
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}
