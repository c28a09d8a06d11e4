package llrp

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tote/drivers"
	"tote/drivers/rfid"
	"tote/drivers/rfid/llrp/wire"
)

const epc1, epc2 = "3074257BF7194E4000001A85", "E20034120102030405060708090A0B0C"

// whole is what a reader is asked when all goes well.
var whole = []string{
	"v1 GET_READER_CAPABILITIES", "v1 GET_READER_CONFIG", "v1 CUSTOM_MESSAGE", "v1 SET_READER_CONFIG", "v1 DELETE_ROSPEC", "v1 ADD_ROSPEC", "v1 ENABLE_ROSPEC", "v1 START_ROSPEC",
}

func TestSession(t *testing.T) {
	f := standard()
	with(t, f, Config{Antennas: []int{2, 1}, Power: 27}, func(b *bench) {
		b.state(drivers.Ready, "")
		heard := strings.Join(f.heard(), "\n")
		want := `v1 GET_READER_CAPABILITIES{RequestedData 0}
v1 GET_READER_CONFIG{AntennaID 0 RequestedData 0 GPIPortNum 0 GPOPortNum 0}
v1 CUSTOM_MESSAGE{VendorIdentifier 25882 MessageSubtype 21 Data 00000000}
v1 SET_READER_CONFIG{ResetToFactoryDefault false ReaderEventNotificationSpec{` +
			`EventNotificationState{EventType 1 NotificationState true} EventNotificationState{EventType 2 NotificationState true} ` +
			`EventNotificationState{EventType 3 NotificationState true} EventNotificationState{EventType 4 NotificationState true} ` +
			`EventNotificationState{EventType 8 NotificationState true}} AntennaConfiguration{AntennaID 0 RFTransmitter{HopTableID 3 ChannelIndex 0 TransmitPower 7}} ` +
			`KeepaliveSpec{KeepaliveTriggerType 1 PeriodicTriggerValue 10000} GPIPortCurrentState{GPIPortNum 1 Config true State 2} ` +
			`GPIPortCurrentState{GPIPortNum 2 Config true State 2} EventsAndReports{HoldEventsAndReportsUponReconnect false}}
v1 DELETE_ROSPEC{ROSpecID 0}
v1 ADD_ROSPEC{ROSpec{ROSpecID 1 Priority 0 CurrentState 0 ROBoundarySpec{ROSpecStartTrigger{ROSpecStartTriggerType 0} ` +
			`ROSpecStopTrigger{ROSpecStopTriggerType 0 DurationTriggerValue 0}} AISpec{AntennaIDs [1 2] AISpecStopTrigger{AISpecStopTriggerType 0 DurationTrigger 0} ` +
			`InventoryParameterSpec{InventoryParameterSpecID 1 ProtocolID 1}} ROReportSpec{ROReportTrigger 2 N 1 TagReportContentSelector{EnableROSpecID false ` +
			`EnableSpecIndex false EnableInventoryParameterSpecID false EnableAntennaID true EnableChannelIndex false EnablePeakRSSI true ` +
			`EnableFirstSeenTimestamp true EnableLastSeenTimestamp true EnableTagSeenCount true EnableAccessSpecID false ` +
			`C1G2EPCMemorySelector{EnableCRC false EnablePCBits true EnableXPCBits false}}}}}
v1 ENABLE_ROSPEC{ROSpecID 1}
v1 START_ROSPEC{ROSpecID 1}`
		if d := cmp.Diff(want, heard); d != "" {
			t.Error(d)
		}
		if got := b.d.Identity(); got != (drivers.Identity{Maker: "Impinj", Model: "2001002", Firmware: "5.14.0.240", Serial: "001625"}) {
			t.Errorf("%+v", got)
		}
		now := time.Now()
		seen := now.Add(-20 * time.Millisecond)
		f.report(epc1, param("AntennaID", 2), param("PeakRSSI", -51), param("FirstSeenTimestampUTC", int(seen.UnixMicro())-7),
			param("LastSeenTimestampUTC", int(seen.UnixMicro())), param("C1G2PC", 0x3400))
		f.report(epc2, param("AntennaID", 1), param("PeakRSSI", -61))
		wantReads := []rfid.Read{
			{EPC: epc1, PC: 0x3400, Antenna: 2, RSSI: -51, At: now, ReaderTime: seen},
			{EPC: epc2, Antenna: 1, RSSI: -61, At: now},
		}
		if d := cmp.Diff(wantReads, b.take()); d != "" {
			t.Error(d)
		}
		b.after(25 * time.Second)
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.acks != 2 {
			t.Errorf("%d keepalives acknowledged, 2 were sent", f.acks)
		}
	})
	got := f.heard()
	if len(got) != 2 || got[0] != "v1 DELETE_ROSPEC{ROSpecID 1}" || got[1] != "v1 CLOSE_CONNECTION" {
		t.Errorf("at the end the reader heard %q", got)
	}
}

// The quirks of readers: each is met and, where it hurts, shown.
func TestQuirks(t *testing.T) {
	disconnected := func(f *fake, antenna int) {
		f.config = append(f.config, wire.New("AntennaProperties", map[string]any{"AntennaID": antenna}))
	}
	for _, c := range []struct {
		name  string
		cfg   Config
		quirk func(*fake)
		code  string
		do    func(*bench)
	}{
		{name: "ids are not echoed", quirk: func(f *fake) { f.noEcho = true }, do: func(b *bench) { b.heardWant(whole...) }},
		{name: "version 1.1 in headers", quirk: func(f *fake) { f.version = wire.Version11 }, do: func(b *bench) { b.heardWant(whole...) }},
		{name: "a later version still", quirk: func(f *fake) { f.version = 5 }, do: func(b *bench) { b.heardWant(whole...) }},
		{name: "an antenna is not connected", cfg: Config{Antennas: []int{1, 3}}, quirk: func(f *fake) { disconnected(f, 3) }, code: drivers.CodeRFIDAntenna, do: func(b *bench) {
			b.f.event(wire.New("AntennaEvent", map[string]any{"EventType": 1, "AntennaID": 3}))
			b.state(drivers.Ready, "")
			b.f.event(wire.New("AntennaEvent", map[string]any{"EventType": 0, "AntennaID": 1}))
			b.state(drivers.Degraded, drivers.CodeRFIDAntenna)
			b.f.report(epc1)
			if len(b.take()) != 1 {
				b.t.Error("the other antennas do not read")
			}
		}},
		{name: "an antenna that is not used is not connected", cfg: Config{Antennas: []int{1}}, quirk: func(f *fake) { disconnected(f, 3) }},
		{name: "an antenna the reader does not have", cfg: Config{Antennas: []int{1, 5}}, quirk: func(*fake) {}, code: drivers.CodeRFIDAntenna, do: func(b *bench) {
			if got := strings.Join(b.f.heard(), "\n"); !strings.Contains(got, "AntennaIDs [1]") {
				b.t.Error(got)
			}
		}},
		{name: "the clock is an hour behind", quirk: func(f *fake) { f.skew = -time.Hour }, code: drivers.CodeLLRPClock, do: func(b *bench) {
			b.f.report(epc1, param("LastSeenTimestampUTC", int(time.Now().Add(-time.Hour).UnixMicro())))
			if r := b.take(); len(r) != 1 || !r[0].ReaderTime.IsZero() || !r[0].At.Equal(time.Now()) {
				b.t.Errorf("%+v", r)
			}
			b.f.skew = 0
			b.f.event()
			b.state(drivers.Ready, "")
		}},
		{name: "only the part below a second (golemu)", quirk: func(f *fake) { f.skew = -time.Since(time.UnixMicro(500_000)) }, code: drivers.CodeLLRPClock},
		{name: "a tag from the future", quirk: func(*fake) {}, do: func(b *bench) {
			b.f.report(epc1, param("LastSeenTimestampUTC", int(time.Now().Add(time.Hour).UnixMicro())))
			if r := b.take(); len(r) != 1 || !r[0].ReaderTime.IsZero() {
				b.t.Errorf("%+v", r)
			}
			b.state(drivers.Degraded, drivers.CodeLLRPClock)
		}},
		{name: "time since the reader's start only", quirk: func(f *fake) { f.uptime = true }, do: func(b *bench) {
			seen := time.Now().Add(-30 * time.Millisecond)
			b.f.report(epc1, param("LastSeenTimestampUptime", int(seen.Sub(boot).Microseconds())))
			if r := b.take(); len(r) != 1 || !r[0].ReaderTime.Equal(seen) {
				b.t.Errorf("%+v, want %v", r, seen)
			}
		}},
		{name: "no antenna, no strength, no time (golemu)", quirk: func(*fake) {}, do: func(b *bench) {
			b.f.report(epc1, param("C1G2PC", 0x3000))
			if d := cmp.Diff([]rfid.Read{{EPC: epc1, PC: 0x3000, At: time.Now()}}, b.take()); d != "" {
				b.t.Error(d)
			}
		}},
		{name: "tags of before", quirk: func(*fake) {}, do: func(b *bench) {
			b.f.report(epc1, param("LastSeenTimestampUTC", int(time.Now().Add(-time.Hour).UnixMicro())))
			if r := b.take(); len(r) != 0 || b.d.Stats().Stale != 1 {
				b.t.Errorf("%+v", r)
			}
		}},
		{name: "an empty EPC and an empty report", quirk: func(*fake) {}, do: func(b *bench) {
			b.f.report("")
			b.f.say(wire.ROAccessReport, 1)
			if r := b.take(); len(r) != 0 || b.d.Stats().Blank != 1 {
				b.t.Errorf("%+v", r)
			}
			b.state(drivers.Ready, "")
		}},
		{name: "it holds events for those who come back", quirk: func(f *fake) {
			f.config = append(f.config, wire.New("EventsAndReports", map[string]any{"HoldEventsAndReportsUponReconnect": true}))
		}, do: func(b *bench) { b.heardWant(append(whole[:8:8], "v1 ENABLE_EVENTS_AND_REPORTS")...) }},
		{name: "somebody ended our reading", quirk: func(*fake) {}, do: func(b *bench) {
			b.f.heard()
			b.f.event(wire.New("ROSpecEvent", map[string]any{"EventType": 1, "ROSpecID": 1}))
			b.f.event(wire.New("ROSpecEvent", map[string]any{"EventType": 1, "ROSpecID": 9}))
			b.after(time.Second)
			b.heardWant("v1 START_ROSPEC")
		}},
		{name: "it reports an error of its own", quirk: func(*fake) {}, do: func(b *bench) {
			b.f.event(wire.New("ReaderExceptionEvent", map[string]any{"Message": "too hot"}))
			b.state(drivers.Degraded, drivers.CodeLLRPError)
			b.after(2 * time.Minute)
			b.state(drivers.Ready, "")
			b.f.event(wire.New("ReportBufferOverflowErrorEvent", nil))
			b.state(drivers.Degraded, drivers.CodeLLRPError)
			b.after(2 * time.Minute)
			b.f.say(wire.ErrorMessage, 0, wire.New("LLRPStatus", map[string]any{"StatusCode": 401}))
			b.state(drivers.Degraded, drivers.CodeLLRPError)
			if !strings.Contains(b.log.String(), "too hot") {
				b.t.Error("its words are not in the log")
			}
		}},
		{name: "messages that contradict themselves", quirk: func(*fake) {}, do: func(b *bench) {
			bad := "\x04\x3d\x00\x00\x00\x0e\x00\x00\x00\x01\x00\xf0\xff\xff"
			b.f.peer.Send(bad)
			b.state(drivers.Ready, "")
			b.f.peer.Send(bad + bad)
			b.state(drivers.Degraded, drivers.CodeLLRPBroken)
			b.f.report(epc1)
			b.state(drivers.Ready, "")
			if r := b.take(); len(r) != 1 || b.d.Stats().Bad != 3 || b.f.peer.Opens() != 1 {
				b.t.Errorf("%+v, %+v, %d opens", r, b.d.Stats(), b.f.peer.Opens())
			}
		}},
		{name: "what nobody asked for", quirk: func(*fake) {}, do: func(b *bench) {
			b.f.say(900, 3)
			b.f.say(wire.StartROSpec.Response(), firstID+3, wire.New("LLRPStatus", map[string]any{"StatusCode": 100}))
			b.f.peer.Send("\x07\xff\x00\x00\x00\x10\x00\x00\x00\x01\x00\x00\x65\x1a\x01\x02") // CUSTOM_MESSAGE
			b.state(drivers.Ready, "")
		}},
		{name: "capabilities are not told", quirk: func(f *fake) { f.errors[wire.GetReaderCapabilities], f.status[wire.GetReaderCapabilities] = true, 109 }, do: func(b *bench) {
			b.heardWant(slices.Concat(whole[:2], whole[3:])...) // nobody knows that it is Impinj's
		}},
		{name: "it refuses events", cfg: Config{Power: 27}, quirk: func(f *fake) { f.narrow = true }, do: func(b *bench) {
			got := b.f.heard()
			if len(got) < 5 || got[4] != "v1 SET_READER_CONFIG{ResetToFactoryDefault false AntennaConfiguration{AntennaID 0 RFTransmitter{HopTableID 3 ChannelIndex 0 TransmitPower 7}} KeepaliveSpec{KeepaliveTriggerType 1 PeriodicTriggerValue 10000}}" {
				b.t.Errorf("%q", got)
			}
		}},
		{name: "no old ROSpecs to delete", quirk: func(f *fake) { f.status[wire.DeleteROSpec] = 300 }, do: func(b *bench) { b.heardWant(whole...) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := standard()
			synctest.Test(t, func(*testing.T) { c.quirk(f) }) // for those who look at the clock
			with(t, f, c.cfg, func(b *bench) {
				if c.code == "" {
					b.state(drivers.Ready, "")
				} else {
					b.state(drivers.Degraded, c.code)
				}
				if c.do != nil {
					c.do(b)
				}
			})
		})
	}
}

// A reader that answers nothing but its settings reads all the same; it costs
// the time of the answers.
func TestOnlySettingsAnswered(t *testing.T) {
	f := standard()
	for _, typ := range []wire.Type{wire.GetReaderCapabilities, wire.GetReaderConfig, wire.DeleteROSpec, wire.AddROSpec, wire.EnableROSpec, wire.StartROSpec} {
		f.deaf[typ] = true
	}
	with(t, f, Config{}, func(b *bench) {
		b.after(6 * DefaultAnswer)
		b.state(drivers.Ready, "")
		f.report(epc1)
		if len(b.take()) != 1 {
			t.Error("no read")
		}
		b.heardWant(slices.Concat(whole[:2], whole[3:])...) // nobody knows that it is Impinj's
	})
}

// The answer to a question that nobody waits for any more is not taken for the
// answer to the next one.
func TestLateAnswer(t *testing.T) {
	f := standard()
	f.deaf[wire.StartROSpec] = true
	with(t, f, Config{}, func(b *bench) {
		b.after(DefaultAnswer)
		b.state(drivers.Ready, "")
		f.event(wire.New("ROSpecEvent", map[string]any{"EventType": 1, "ROSpecID": 1}))
		b.after(time.Second) // asked again
		f.say(wire.StartROSpec.Response(), firstID+7, wire.New("LLRPStatus", map[string]any{"StatusCode": 300}))
		b.after(time.Second)
		b.state(drivers.Ready, "")
	})
}

// Two keepalives missed: the connection is dropped and all is set up anew; the
// reader counts as well only when it gave a sign of life.
func TestKeepaliveMissed(t *testing.T) {
	f := standard()
	f.keepalive = false
	with(t, f, Config{}, func(b *bench) {
		b.heardWant(whole...)
		b.after(20 * time.Second)
		b.state(drivers.Ready, "")
		b.after(6 * time.Second)
		b.state(drivers.Degraded, drivers.CodeLLRPSilent)
		b.heardWant(whole...)
		if b.d.Stats().Drops != 1 || f.peer.Opens() != 2 {
			t.Errorf("%+v, %d opens", b.d.Stats(), f.peer.Opens())
		}
		f.change(func() { f.keepalive = true })
		b.after(10 * time.Second)
		b.state(drivers.Ready, "")
	})
}

// A reader that somebody else holds is not hammered, nor is one that refuses.
func TestPatience(t *testing.T) {
	for _, c := range []struct {
		name  string
		quirk func(*fake)
		code  string
	}{
		{"a client holds it", func(f *fake) { f.attempt = 2 }, drivers.CodeLLRPHeld},
		{"its own connection holds it", func(f *fake) { f.attempt = 1 }, drivers.CodeLLRPHeld},
		{"it fails for another reason", func(f *fake) { f.attempt = 3 }, drivers.CodeLLRPError},
		{"it refuses settings", func(f *fake) { f.status[wire.SetReaderConfig] = 101 }, drivers.CodeRFIDRefuses},
		{"it refuses the ROSpec", func(f *fake) { f.errors[wire.AddROSpec], f.status[wire.AddROSpec] = true, 100 }, drivers.CodeRFIDRefuses},
		{"it refuses to start", func(f *fake) { f.status[wire.StartROSpec] = 300 }, drivers.CodeRFIDRefuses},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := standard()
			c.quirk(f)
			with(t, f, Config{}, func(b *bench) {
				b.state(drivers.Degraded, c.code)
				b.after(10 * time.Minute)
				b.state(drivers.Degraded, c.code)
				if n := f.peer.Opens(); n < 8 || n > 15 {
					t.Errorf("%d connections in 10 minutes", n)
				}
				f.change(func() { f.attempt, f.status, f.errors = 0, nil, nil })
				b.after(mostPace)
				b.state(drivers.Ready, "")
			})
		})
	}
}

// Another program that tries while we hold the reader changes nothing.
func TestAnotherTries(t *testing.T) {
	f := standard()
	with(t, f, Config{}, func(b *bench) {
		f.event(wire.New("ConnectionAttemptEvent", map[string]any{"Status": attemptAnother}))
		b.state(drivers.Ready, "")
		f.event(wire.New("ConnectionCloseEvent", nil))
		b.state(drivers.Degraded, drivers.CodeLLRPError)
	})
}

func TestGreetingMissing(t *testing.T) {
	f := standard()
	f.mute = true
	with(t, f, Config{}, func(b *bench) {
		b.state(drivers.Opening, "")
		b.after(DefaultGreeting)
		b.state(drivers.Degraded, drivers.CodeLLRPSilent)
		b.heardWant() // nothing is said to what does not greet
		f.change(func() { f.mute = false })
		b.after(DefaultGreeting + DefaultKeepalive)
		b.state(drivers.Ready, "")
	})
}

func TestPower(t *testing.T) {
	for _, c := range []struct {
		dBm  int
		told bool
		want string // part of the request
		code string
	}{
		{0, true, "GPIPortCurrentState", ""},
		{10, true, "TransmitPower 1}", ""},
		{26, true, "TransmitPower 1}", ""}, // never above what was configured
		{27, true, "TransmitPower 7}", ""},
		{36, true, "TransmitPower 9}", ""},
		{9, true, "", drivers.CodeRFIDRefuses},
		{27, false, "", drivers.CodeRFIDRefuses},
	} {
		t.Run(fmt.Sprint(c.dBm, c.told), func(t *testing.T) {
			f := standard()
			if !c.told {
				f.caps = f.caps[:2]
			}
			with(t, f, Config{Power: c.dBm}, func(b *bench) {
				if c.code != "" {
					b.state(drivers.Degraded, c.code)
					return
				}
				if got := strings.Join(f.heard(), "\n"); !strings.Contains(got, c.want) {
					t.Errorf("%s in %s", c.want, got)
				}
				b.state(drivers.Ready, "")
			})
		})
	}
}

// LLRP 1.1 is spoken where it is configured and the reader can; a reader that
// cannot, and does not even answer, is spoken to as before.
func TestVersion11(t *testing.T) {
	for _, c := range []struct {
		name  string
		quirk func(*fake)
		want  []string
	}{
		{"it can", func(f *fake) { f.supported = 2 }, []string{"v2 GET_SUPPORTED_VERSION", "v2 SET_PROTOCOL_VERSION", "v2 GET_READER_CAPABILITIES"}},
		{"it cannot", func(*fake) {}, []string{"v2 GET_SUPPORTED_VERSION", "v1 GET_READER_CAPABILITIES"}},
		{"it does not answer", func(f *fake) { f.deaf[wire.GetSupportedVersion] = true }, []string{"v2 GET_SUPPORTED_VERSION", "v1 GET_READER_CAPABILITIES"}},
		{"it is an error", func(f *fake) { f.errors[wire.GetSupportedVersion], f.status[wire.GetSupportedVersion] = true, 110 }, []string{"v2 GET_SUPPORTED_VERSION", "v1 GET_READER_CAPABILITIES"}},
		{"it will not go up", func(f *fake) { f.supported, f.status[wire.SetProtocolVersion] = 2, 110 }, []string{"v2 GET_SUPPORTED_VERSION", "v2 SET_PROTOCOL_VERSION", "v1 GET_READER_CAPABILITIES"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := standard()
			c.quirk(f)
			with(t, f, Config{Version: Version11}, func(b *bench) {
				b.after(DefaultAnswer)
				b.state(drivers.Ready, "")
				got := f.heard()
				for i, want := range c.want {
					if i >= len(got) || !strings.HasPrefix(got[i], want) {
						t.Fatalf("%q, want %q first", got, c.want)
					}
				}
			})
		})
	}
}

// Noise has no end that could be found: the connection is made anew.
func TestNoise(t *testing.T) {
	f := standard()
	with(t, f, Config{}, func(b *bench) {
		f.peer.Send("HTTP/1.1 400 Bad Request\r\n")
		b.state(drivers.Degraded, drivers.CodeLLRPBroken)
		b.after(time.Second)
		b.state(drivers.Ready, "")
		if f.peer.Opens() != 2 {
			t.Errorf("%d connections", f.peer.Opens())
		}
	})
}

func TestUnplug(t *testing.T) {
	f := standard()
	with(t, f, Config{}, func(b *bench) {
		f.peer.Plug(false)
		b.state(drivers.Absent, drivers.CodeUnplugged)
		f.peer.Plug(true)
		b.after(time.Second)
		b.state(drivers.Ready, "")
	})
}

func TestNew(t *testing.T) {
	f := standard()
	good := Config{Name: "x", Open: f.opener, Sink: func(rfid.Read) {}}
	for name, spoil := range map[string]func(*Config){
		"no name": func(c *Config) { c.Name = "" }, "no port": func(c *Config) { c.Open = nil }, "no sink": func(c *Config) { c.Sink = nil },
		"version": func(c *Config) { c.Version = "2" }, "power": func(c *Config) { c.Power = 37 }, "antenna twice": func(c *Config) { c.Antennas = []int{1, 1} },
		"antenna 0": func(c *Config) { c.Antennas = []int{0} }, "keepalive": func(c *Config) { c.Keepalive = time.Millisecond },
		"answer": func(c *Config) { c.Answer = time.Millisecond }, "skew": func(c *Config) { c.Skew = time.Millisecond },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if d, err := New(good); err != nil || d.Status().State != drivers.Absent {
		t.Errorf("%v", err)
	}
	if r, err := Reader(rfid.Settings{Name: "x"}); err == nil || r != nil {
		t.Error("a reader without a port")
	}
}
