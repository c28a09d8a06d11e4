package warehouse_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	. "tote/warehouse"
)

const pinHash = "$argon2id$v=19$m=9216,t=4,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo"

// secured is a site whose workers have PINs; w3 is a lead.
func secured(t fataler, change func(*Site)) *world {
	w := stocked(t)
	s := testSite()
	s.Pin = PinOn
	if change != nil {
		change(&s)
	}
	w.ok(PutSite{Site: s})
	ws := testWorkers()
	ws[2].Role = RoleLead
	w.ok(PutWorkers{Workers: ws})
	for _, id := range []string{"w1", "w2"} {
		w.ok(SetPin{Worker: id, Hash: pinHash})
	}
	return w
}

// badge is a sign-in as the gateway makes it of badge and PIN.
func (w *world) badge(device, badge, said string) SignIn {
	in := SignIn{Device: device, Badge: badge, Pin: said}
	if wk := seen(WorkerOfBadge(w.tx, badge)); wk != nil && (said == PinRight || said == PinWrong) {
		if p := seen(GetPin(w.tx, wk.ID)); p != nil {
			in.Rev = p.Rev
		}
	}
	return in
}

func TestPinIsAskedForByRule(t *testing.T) {
	for name, tc := range map[string]struct {
		rule        func(*Site)
		w1, w2, led string // what the badge alone says of a picker, and of a lead
	}{
		"nobody":      {func(s *Site) { s.Pin = "" }, CodeOK, CodeOK, CodeOK},
		"off":         {func(s *Site) { s.Pin = PinOff }, CodeOK, CodeOK, CodeOK},
		"everybody":   {nil, CodePinWanted, CodePinWanted, CodePinNotSet},
		"supervisors": {func(s *Site) { s.Pin = PinSupervisors }, CodeOK, CodeOK, CodePinNotSet},
		"they choose": {func(s *Site) { s.PinFirst = true }, CodePinWanted, CodePinWanted, CodePinNew},
	} {
		t.Run(name, func(t *testing.T) {
			w := secured(t, tc.rule)
			for i, want := range []string{tc.w1, tc.w2, tc.led} {
				n := fmt.Sprint(i + 1)
				if res := w.apply(SignIn{Device: "h" + n, Badge: "B" + n}); res.Code != want {
					t.Errorf("w%s: %s %s, want %s", n, res.Code, res.Text, want)
				}
			}
			w.invariants()
		})
	}
}

func TestPin(t *testing.T) {
	w := secured(t, nil)
	w.no(w.badge("h1", "B1", PinWrong), CodePinWrong)
	w.no(w.badge("h1", "B9", PinRight), CodeUnknownBadge)
	stale := w.badge("h1", "B1", PinRight)
	w.ok(SetPin{Worker: "w1", Hash: pinHash})
	w.no(stale, CodePinWanted) // it was compared with another one
	w.no(w.badge("h1", "B1", PinNew), CodePinWanted)
	w.no(w.badge("h1", "B1", PinWrong), CodePinWrong)
	if res := w.ok(w.badge("h1", "B1", PinRight)); res.Ref != "w1" || !strings.HasPrefix(res.Text, "1 wrong PINs") {
		t.Errorf("%+v", res)
	}
	w.ok(SignIn{Device: "h1", Badge: "B1"}) // the same again, signed in
	w.no(SignIn{Device: "h2", Badge: "B1"}, CodePinWanted)
	w.ok(w.badge("h2", "B1", PinRight)) // logged in elsewhere
	if id := seen(WorkerOfDevice(w.tx, "h1")); id != "" {
		t.Errorf("still %s on h1", id)
	}
	w.ok(SignOut{Device: "h2"})
	w.no(SignIn{Device: "h2", Badge: "B1"}, CodePinWanted)
	w.ok(SetPin{Worker: "w1"})
	w.no(SignIn{Device: "h2", Badge: "B1"}, CodePinNotSet)
	w.ok(PutWorkers{Workers: []Worker{{ID: "r1", Name: "Robot", Badge: "RB", Kind: WorkerRobot}}})
	w.ok(SignIn{Device: "hr", Badge: "RB"})
	for name, c := range map[string]SetPin{
		"nobody":   {Worker: "w9", Hash: pinHash},
		"no id":    {Worker: "a/b", Hash: pinHash},
		"a robot":  {Worker: "r1", Hash: pinHash},
		"a PIN":    {Worker: "w1", Hash: "1234"},
		"too long": {Worker: "w1", Hash: pinHash + strings.Repeat("x", 100)},
		"a line":   {Worker: "w1", Hash: pinHash + "\n"},
	} {
		before := w.tx.Digest()
		w.no(c, CodeInvalid)
		if w.tx.Digest() != before {
			t.Errorf("%s: the state changed", name)
		}
	}
	w.invariants()
}

// The waits grow to two minutes and not further, are forgotten after a quarter of an
// hour, and those of a stranger do not hold on a handheld the worker used before.
func TestWrongPins(t *testing.T) {
	w := secured(t, nil)
	w.ok(w.badge("h1", "B1", PinRight))
	w.ok(SignOut{Device: "h1"})
	var waits []int64
	for i := range 9 {
		device := fmt.Sprint("x", i) // another one each time: it does not help
		w.no(w.badge(device, "B1", PinWrong), CodePinWrong)
		p := seen(GetPin(w.tx, "w1"))
		ms := p.Wait("x", w.m.Now)
		waits = append(waits, ms/1000)
		if ms > 0 {
			writes := w.tx.Writes()
			w.no(w.badge(device, "B1", PinRight), CodePinWait)
			w.no(w.badge(device, "B1", PinWrong), CodePinWait)
			if w.tx.Writes() != writes {
				t.Error("a PIN nobody heard was counted")
			}
		}
		w.m.Now += ms
	}
	if got := fmt.Sprint(waits); got != "[0 0 5 10 20 40 80 120 120]" {
		t.Errorf("waits %s", got)
	}
	w.m.Now -= 120_000
	w.no(w.badge("x", "B1", PinRight), CodePinWait)
	if res := w.ok(w.badge("h1", "B1", PinRight)); !strings.HasPrefix(res.Text, "9 wrong PINs") {
		t.Errorf("%+v", res)
	}
	w.ok(SignOut{Device: "h1"})
	for range 3 {
		w.no(w.badge("h1", "B1", PinWrong), CodePinWrong)
	}
	w.no(w.badge("h1", "B1", PinRight), CodePinWait) // his own counts by itself
	w.m.Now += 5_000 + 15*60_000
	w.no(w.badge("h1", "B1", PinWrong), CodePinWrong)
	w.ok(w.badge("h1", "B1", PinRight)) // forgotten: no wait after one
	for i := range 5 {
		w.ok(SignOut{Device: []string{"h1", "k0", "k1", "k2", "k3"}[i]})
		w.ok(w.badge(fmt.Sprint("k", i), "B1", PinRight))
	}
	if p := seen(GetPin(w.tx, "w1")); len(p.Known) != 3 || len(p.Tries) > 4 {
		t.Errorf("it grows: %+v", p)
	}
	w.invariants()
}

// Where the site allows it, the first PIN is the worker's own choice.
func TestFirstPin(t *testing.T) {
	w := secured(t, func(s *Site) { s.PinFirst = true })
	w.no(SignIn{Device: "h3", Badge: "B3"}, CodePinNew)
	w.no(SignIn{Device: "h3", Badge: "B3", Pin: PinNew, Hash: "1234"}, CodeInvalid)
	w.ok(SignIn{Device: "h3", Badge: "B3", Pin: PinNew, Hash: pinHash})
	if p := seen(GetPin(w.tx, "w3")); p.By != "worker/w3" || p.Hash != pinHash || p.Rev != 1 {
		t.Errorf("%+v", p)
	}
	w.ok(SignOut{Device: "h3"})
	w.no(SignIn{Device: "h3", Badge: "B3", Pin: PinNew, Hash: pinHash}, CodePinWanted) // once
	w.ok(w.badge("h3", "B3", PinRight))
}

// A session ends when nothing is done; work in hand stays, and goes on behind the PIN.
func TestSessionsEnd(t *testing.T) {
	w := secured(t, func(s *Site) { s.PinIdleMs, s.LeaseMs = 10*60_000, 3600_000 })
	w.ok(w.badge("hw1", "B1", PinRight))
	w.ok(w.badge("hw2", "B2", PinRight))
	w.ok(AskWork{Device: "hw2"})
	w.ok(release("O1", "CUP*2"))
	w.ok(AskWork{Device: "hw1"})
	w.assign("K1", "w1", "O1")
	w.m.Now += 9 * 60_000
	w.act("hw1")
	w.m.Now += 60_000
	w.ok(AdvanceTime{})
	if id := seen(WorkerOfDevice(w.tx, "hw2")); id != "" {
		t.Errorf("%s is still on h2", id)
	}
	if s := w.step("hw1"); s.Do == StepSignIn {
		t.Errorf("who works was signed out: %+v", s)
	}
	w.m.Now += 10 * 60_000
	before := w.step("hw1")
	w.no(Scan{Device: "hw1", Barcode: before.Bin}, CodeNotSignedIn) // also before anybody rang
	w.ok(AdvanceTime{})
	if s := w.step("hw1"); s.Do != StepSignIn {
		t.Errorf("h1 shows %+v", s)
	}
	w.no(Scan{Device: "hw1", Barcode: before.Bin}, CodeNotSignedIn)
	w.no(SignIn{Device: "hw1", Badge: "B1"}, CodePinWanted)
	w.no(w.badge("hw1", "B2", PinRight), CodeHasWork) // nobody else takes it over
	w.ok(w.badge("hw1", "B1", PinRight))
	if s := w.step("hw1"); s.Task != before.Task {
		t.Errorf("goes on with %+v, was %+v", s, before)
	}
	w.walkTo("hw1", StepAsk)
	w.ok(SignOut{Device: "hw1"})
	w.invariants()
	w.books()
}

func TestPinRulesOfASite(t *testing.T) {
	w := stocked(t)
	for name, change := range map[string]func(*Site){
		"another word":      func(s *Site) { s.Pin = "yes" },
		"first without":     func(s *Site) { s.PinFirst = true },
		"idle without":      func(s *Site) { s.Pin, s.PinIdleMs = PinOff, 60_000 },
		"idle of a second":  func(s *Site) { s.Pin, s.PinIdleMs = PinOn, 1000 },
		"idle of two days":  func(s *Site) { s.Pin, s.PinIdleMs = PinOn, 48*3600_000 },
		"idle of less than": func(s *Site) { s.Pin, s.PinIdleMs = PinOn, -1 },
	} {
		s := testSite()
		change(&s)
		if res := w.apply(PutSite{Site: s}); res.Code != CodeInvalid || !strings.Contains(res.Text, "pin") {
			t.Errorf("%s: %+v", name, res)
		}
	}
	w.no(PutWorkers{Workers: []Worker{{ID: "w1", Name: "Ada", Badge: "B1", Role: "boss"}}}, CodeInvalid)
}

// Whatever people try: nobody is signed in by rule without the right PIN, nobody with
// the right one is refused but for a wait, and no wait is longer than two minutes.
func TestRandomPins(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := secured(rt, func(s *Site) { s.PinIdleMs, s.PinFirst = 5*60_000, true })
		pick := func(from ...string) string { return rapid.SampledFrom(from).Draw(rt, "of") }
		for range 60 {
			n := pick("1", "2", "3")
			device, worker := pick("h1", "h2", "h3", "x1", "x2", "x3"), "w"+n
			wk := seen(GetWorker(w.tx, worker))
			had := seen(GetPin(w.tx, worker))
			switch pick("in", "in", "in", "in", "out", "set", "ask", "later") {
			case "in":
				in := w.badge(device, "B"+n, pick("", PinRight, PinWrong, PinNew))
				if in.Pin == PinNew {
					in.Hash = pinHash
				}
				wanted := seen(PinWanted(w.tx, wk, device, w.m.Now))
				waits := int64(0)
				if had != nil {
					waits = had.Wait(device, w.m.Now)
				}
				res := w.apply(in)
				first := (had == nil || had.Hash == "") && in.Pin == PinNew
				good := !wanted || first || had != nil && had.Hash != "" && in.Pin == PinRight && waits == 0
				if res.OK != good || waits > 120_000 {
					rt.Fatalf("%+v: %+v, wanted %v, waits %d, had %+v", in, res, wanted, waits, had)
				}
				if wrong := had != nil && wanted && waits == 0 && in.Pin == PinWrong && had.Hash != ""; wrong != (res.Code == CodePinWrong) || wrong != res.Keep {
					rt.Fatalf("%+v: %+v", in, res)
				}
			case "out":
				w.apply(SignOut{Device: device})
			case "set":
				w.ok(SetPin{Worker: worker, Hash: pick("", pinHash)})
			case "ask":
				res := w.apply(AskWork{Device: device})
				if id := seen(WorkerOfDevice(w.tx, device)); res.OK && seen(GetWorkerState(w.tx, id)).Ends <= w.m.Now {
					rt.Fatalf("%s asked for work after the end of the session", id)
				}
			case "later":
				w.m.Now += rapid.SampledFrom([]int64{1000, 30_000, 240_000, 1_000_000}).Draw(rt, "ms")
				w.ok(AdvanceTime{})
			}
			w.invariants()
		}
	})
}

// pinDay is a day at a site with PINs.
func pinDay(t *testing.T) *world {
	w := secured(t, func(s *Site) { s.PinFirst, s.PinIdleMs = true, 10*60_000 })
	w.no(SignIn{Device: "hw1", Badge: "B1"}, CodePinWanted)
	for range 3 {
		w.no(w.badge("hw1", "B1", PinWrong), CodePinWrong)
	}
	w.no(w.badge("hw1", "B1", PinRight), CodePinWait)
	w.m.Now += 5_000
	w.ok(w.badge("hw1", "B1", PinRight))
	w.ok(SignIn{Device: "h3", Badge: "B3", Pin: PinNew, Hash: pinHash})
	w.ok(AskWork{Device: "h3"})
	w.ok(release("O1", "CUP*2"))
	w.ok(AskWork{Device: "hw1"})
	w.assign("K1", "w1", "O1")
	w.act("hw1")
	w.m.Now += 10 * 60_000
	w.ok(AdvanceTime{})
	w.no(Scan{Device: "hw1", Barcode: "A-01"}, CodeNotSignedIn)
	w.m.Now += 1000
	w.ok(SetPin{Worker: "w2"})
	w.no(SignIn{Device: "hw2", Badge: "B2"}, CodePinNew)
	w.invariants()
	w.books()
	return w
}
