package config_test

import (
	"testing"

	"tote/agent/config"
	"tote/drivers"
)

// What a site knows of firmware comes before what the program knows.
func TestBadFirmware(t *testing.T) {
	cfg, err := config.Parse("agent.yaml", []byte("config_version: 1\nsite: s1\ngateway: gw1\ndata_dir: /d\nmqtt: {listen: [{address: \"127.0.0.1:1883\"}]}\nhttp: {listen: \"127.0.0.1:8080\"}\nknown_bad: [{model: R9, firmware: \"1.2.\", text: ours}, {firmware: \"7\", text: any, source: \"ticket 12\"}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	table := cfg.Bad(drivers.BadFirmware{{Firmware: "1.2.", Text: "theirs", Source: "https://example.com"}})
	for id, want := range map[drivers.Identity]drivers.Bad{
		{Model: "R900", Firmware: "1.2.9"}: {Model: "R9", Firmware: "1.2.", Text: "ours", Source: "configuration of the site"},
		{Model: "S1", Firmware: "1.2.9"}:   {Firmware: "1.2.", Text: "theirs", Source: "https://example.com"},
		{Model: "S1", Firmware: "7"}:       {Firmware: "7", Text: "any", Source: "ticket 12"},
		{Model: "S1", Firmware: "8"}:       {},
	} {
		if got, _ := table.Find(id); got != want {
			t.Errorf("%v: %+v, want %+v", id, got, want)
		}
	}
}
