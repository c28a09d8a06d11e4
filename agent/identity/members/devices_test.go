package members

import (
	"fmt"
	"slices"
	"testing"

	"tote/warehouse"
	"tote/warehouse/memtx"
)

// tester applies commands and wants a code of each.
func tester(t *testing.T) (*memtx.Tx, func(now int64, c Command, want string)) {
	tx := memtx.New()
	var index uint64
	return tx, func(now int64, c Command, want string) {
		t.Helper()
		kind, version, body, err := Encode(c)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		if Since(kind) != levelDevices {
			t.Errorf("%T may be used from level %d on", c, Since(kind))
		}
		index++
		before := tx.Digest()
		res, err := Apply(tx, warehouse.Meta{Index: index, Now: now, Actor: "site/api"}, kind, version, body)
		if err != nil || res.Code != want || res.OK != (want == warehouse.CodeOK) {
			t.Fatalf("%+v: %+v %v, want %s", c, res, err, want)
		}
		if !res.OK && tx.Digest() != before {
			t.Errorf("%+v: refused and changed the state", c)
		}
		if res.OK && !slices.Contains(res.Touched, "members") {
			t.Errorf("%+v: nobody is told", c)
		}
	}
}

func TestACodeLetsOneDeviceIn(t *testing.T) {
	tx, do := tester(t)
	do(100, Invite{"c1", hash("a"), 200, "robot", "R1", 1000}, warehouse.CodeOK)
	do(100, Invite{"c1", hash("b"), 200, "robot", "R2", 1000}, warehouse.CodeConflict)
	do(150, Enrol{"c2", hash("a"), BySecret, hash("pw")}, CodeCodeUnknown)
	do(150, Enrol{"c1", hash("b"), BySecret, hash("pw")}, CodeCodeUnknown)
	do(150, Enrol{"c1", hash("a"), BySecret, hash("pw")}, warehouse.CodeOK)
	do(999, Enrol{"c1", hash("a"), BySecret, hash("pw")}, warehouse.CodeOK) // the first answer was lost
	do(150, Enrol{"c1", hash("a"), BySecret, hash("other")}, CodeCodeUsed)
	do(150, Enrol{"c1", hash("a"), ByKey, hash("key")}, CodeCodeUsed)
	do(100, Invite{"c3", hash("c"), 200, "robot", "R1", 5000}, warehouse.CodeOK)
	do(200, Enrol{"c3", hash("c"), ByKey, hash("key")}, CodeCodeExpired)
	d, err := GetDevice(tx, "robot:R1")
	if err != nil || d == nil || !d.Shows(BySecret, hash("pw")) || d.Shows(ByKey, hash("pw")) || d.Shows(BySecret, hash("key")) || d.Shows(BySecret, nil) || d.Until != 1150 || d.By != "site/api" {
		t.Fatalf("%+v %v", d, err)
	}
	// The machine that takes its place has its name, and the old one is out.
	do(160, Invite{"c4", hash("d"), 300, "robot", "R1", 5000}, warehouse.CodeOK)
	do(170, Enrol{"c4", hash("d"), ByKey, hash("key")}, warehouse.CodeOK)
	if d, _ := GetDevice(tx, "robot:R1"); d.Shows(BySecret, hash("pw")) || !d.Shows(ByKey, hash("key")) {
		t.Errorf("%+v", d)
	}
	do(180, Invite{"c5", hash("e"), 300, "robot", "R1", 5000}, warehouse.CodeOK)
	do(190, Revoke{"robot:R1"}, warehouse.CodeOK)
	if d, err := GetDevice(tx, "robot:R1"); d != nil || err != nil {
		t.Errorf("%+v %v", d, err)
	}
	do(191, Enrol{"c5", hash("e"), BySecret, hash("pw")}, CodeCodeUnknown)
	do(191, Revoke{"robot:R1"}, CodeNoDevice)
}

func TestRotate(t *testing.T) {
	tx, do := tester(t)
	device := func(id string) *Device {
		d, err := GetDevice(tx, id)
		if err != nil || d == nil {
			t.Fatalf("%+v %v", d, err)
		}
		return d
	}
	do(0, Invite{"c1", hash("a"), 200, "handheld", "h1", 1000}, warehouse.CodeOK)
	do(0, Invite{"c2", hash("b"), 200, "robot", "R1", 1000}, warehouse.CodeOK)
	do(10, Enrol{"c1", hash("a"), BySecret, hash("1")}, warehouse.CodeOK)
	do(10, Enrol{"c2", hash("b"), ByKey, hash("key")}, warehouse.CodeOK)
	do(500, Rotate{"handheld:h1", hash("x"), hash("2")}, CodeNoDevice)
	do(500, Rotate{"handheld:h2", hash("1"), hash("2")}, CodeNoDevice)
	do(500, Rotate{"handheld:h1", hash("1"), hash("2")}, warehouse.CodeOK)
	// The answer was lost: the device knows the old one alone, and asks again.
	do(600, Rotate{"handheld:h1", hash("1"), hash("3")}, warehouse.CodeOK)
	if d := device("handheld:h1"); !d.Shows(BySecret, hash("1")) || d.Shows(BySecret, hash("2")) || !d.Shows(BySecret, hash("3")) || d.Until != 1600 {
		t.Errorf("%+v", d)
	}
	do(700, Rotate{"handheld:h1", hash("3"), hash("4")}, warehouse.CodeOK)
	if d := device("handheld:h1"); d.Shows(BySecret, hash("1")) {
		t.Errorf("a secret lives for ever: %+v", d)
	}
	do(700, Rotate{"robot:R1", hash("key"), hash("other")}, CodeNoDevice)
	do(1010+rotateGrace, Rotate{"robot:R1", hash("key"), hash("key")}, CodeNoDevice)
	do(1009+rotateGrace, Rotate{"robot:R1", hash("key"), hash("key")}, warehouse.CodeOK)
	if d := device("robot:R1"); d.Until != 2009+rotateGrace {
		t.Errorf("%+v", d)
	}
}

// TestBounds: what is kept of codes, devices and bans is bounded, and codes that
// ended are forgotten.
func TestBounds(t *testing.T) {
	tx, do := tester(t)
	for i := range MaxInvites {
		do(0, Invite{fmt.Sprint("c", i), hash("a"), 100, "robot", fmt.Sprint("R", i), 1000}, warehouse.CodeOK)
	}
	do(100+inviteKept, Invite{"one", hash("a"), 100 + 2*inviteKept, "robot", "R", 1000}, CodeTooMany)
	do(101+inviteKept, Invite{"one", hash("a"), 100 + 2*inviteKept, "robot", "R", 1000}, warehouse.CodeOK)
	if all, err := Invitations(tx); err != nil || len(all) != 1 {
		t.Errorf("%d codes are kept: %v", len(all), err)
	}
	for i := range MaxDevices {
		if err := set(tx, prefixDevice+fmt.Sprint("robot:R", i), Device{Role: "robot", Name: fmt.Sprint("R", i)}); err != nil {
			t.Fatal(err)
		}
	}
	do(102+inviteKept, Enrol{"one", hash("a"), BySecret, hash("pw")}, CodeTooMany)
	for i := range MaxBans {
		do(0, Ban{fmt.Sprint("gw", i), hash("ca")}, warehouse.CodeOK)
	}
	do(0, Ban{"gw1", hash("ca")}, warehouse.CodeOK)
	do(0, Ban{"gw99", hash("ca")}, CodeTooMany)
	// Under a new authority what the old one signed is nothing.
	do(0, Ban{"gw99", hash("new ca")}, warehouse.CodeOK)
	if all, err := Bans(tx); err != nil || len(all) != 1 || all[0].Gateway != "gw99" {
		t.Errorf("%+v %v", all, err)
	}
}

func TestAuthority(t *testing.T) {
	tx, do := tester(t)
	do(1, Forget{hash("b")}, warehouse.CodeConflict)
	do(1, Refound{hash("b"), hash("a")}, warehouse.CodeOK)
	do(2, Refound{hash("b"), hash("a")}, warehouse.CodeOK)
	do(2, Refound{hash("c"), hash("b")}, warehouse.CodeConflict)
	do(2, Forget{hash("c")}, warehouse.CodeConflict)
	do(2, Forget{hash("b")}, warehouse.CodeOK)
	do(2, Forget{hash("b")}, warehouse.CodeOK)
	do(3, Refound{hash("c"), hash("b")}, warehouse.CodeOK)
	if a, err := GetAuthority(tx); err != nil || a.Since != 3 || a.By != "site/api" || string(a.Old) != string(hash("b")) {
		t.Errorf("%+v %v", a, err)
	}
	for _, c := range []Command{Refound{hash("a"), hash("a")}, Refound{nil, hash("a")}, Forget{}, Ban{"gw1", nil}, Invite{}, Enrol{}, Rotate{}, Revoke{"x"}} {
		if _, _, _, err := Encode(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
