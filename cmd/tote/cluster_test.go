package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestClusterStatus: what a person reads, and the exit status a script sees.
func TestClusterStatus(t *testing.T) {
	for name, tc := range map[string]struct {
		body   string
		status int
		out    []string
	}{
		"alone": {
			`{"gateway":"gw1","alone":true,"quorum":{"ok":true},"members":[],"advice":[],
			"formed":[{"epoch":2,"how":"restored","at":"2026-01-02T03:04:05Z","by":"mira","gateway":"gw1","number":7}]}`, 0,
			[]string{"gateway gw1 is alone\n", "epoch 2: restored by mira on gw1, at 2026-01-0", "kept up to command 7\n"},
		},
		"waits": {
			`{"gateway":"gw1","quorum":{"ok":false,"since":"2026-01-02T03:04:05Z","text":"start the others"},"members":[],"advice":[]}`, 1,
			[]string{"gateway gw1 waits to be added to a cluster\n", "NO QUORUM since 2026-01-0", "start the others"},
		},
		"two": {
			`{"gateway":"gw1","quorum":{"ok":true},"voters":2,"spare":0,
			"members":[{"id":"gw1","address":"gw1@10.0.0.1:7","role":"leader","state":"up"},{"id":"gw2","address":"gw2@10.0.0.2:7","role":"voter","state":"up","lag":3},
			{"id":"gw3","address":"gw3@10.0.0.3:7","role":"voter","state":"empty"},{"id":"gw4","address":"gw4@10.0.0.4:7","role":"joining","state":"down"},
			{"id":"gw5","address":"gw5@10.0.0.5:7","role":"voter","state":"rebuilding"},
			{"id":"gw6","address":"gw6@10.0.0.6:7","role":"voter","state":"apart"}],
			"advice":[{"code":"STO-507","text":"two gateways have a vote","action":"Add one more."}]}`, 0,
			[]string{
				"gw1          leader   up ", "gw2          voter    up ", "3 commands behind", "gw3          voter    EMPTY DISK", "gw4          joining  DOWN  ",
				"gw5          voter    REBUILDING ", "gw6          voter    OTHER CLUSTER ",
				"2 gateways have a vote; 0 may fail", "STO-507: two gateways have a vote\n  what to do: Add one more.\n",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			env, asked := gateway(t, 200, tc.body)
			r := tote(t, env, "cluster", "status")
			for _, want := range tc.out {
				r.want(t, tc.status, want, "")
			}
			if diff := cmp.Diff([]string{"GET /v1/cluster  "}, *asked); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestClusterChanges: what is asked of the gateway, and what is said then.
func TestClusterChanges(t *testing.T) {
	for name, tc := range map[string]struct {
		args            []string
		body, asked, is string
	}{
		"leave":    {[]string{"leave"}, `{"ok":true,"ref":"gw3"}`, "leave application/json {}", "gw3 has left the site and stops"},
		"transfer": {[]string{"transfer", "gw2"}, `{"ok":true}`, `transfer application/json {"to":"gw2"}`, "gw2 leads\n"},
		"remove":   {[]string{"remove", "gw2"}, `{"ok":true}`, `remove application/json {"force":false,"id":"gw2"}`, "gw2 is out of the site"},
		"forced":   {[]string{"remove", "gw2", "--force"}, `{"ok":true}`, `remove application/json {"force":true,"id":"gw2"}`, "gw2 is out of the site"},
		"replace": {
			[]string{"replace", "gw2"},
			`{"removed":true,"token":"tote1.x","to":["10.0.0.1:7070","10.0.0.3:7070"]}`,
			`replace application/json {"force":false,"id":"gw2","ttlSeconds":86400}`,
			"gw2 is out of the site. On the machine that replaces it, with \"gateway: gw2\" in /etc/tote/agent.yaml, type\n\n  tote cluster join --set-aside --to 10.0.0.1:7070 --token tote1.x\n",
		},
		"replaced again": {
			[]string{"replace", "gw2", "--ttl", "1h"},
			`{"token":"tote1.x","to":["10.0.0.1:7070"]}`,
			`replace application/json {"force":false,"id":"gw2","ttlSeconds":3600}`, "gw2 was no gateway of the site. On the machine",
		},
	} {
		t.Run(name, func(t *testing.T) {
			env, asked := gateway(t, 200, tc.body)
			tote(t, env, append([]string{"cluster"}, tc.args...)...).want(t, 0, tc.is, "")
			if diff := cmp.Diff([]string{"POST /v1/cluster/" + tc.asked}, *asked); diff != "" {
				t.Error(diff)
			}
			env, _ = gateway(t, 409, `{"code":"STO-504","text":"gw3 would be missing"}`)
			r := tote(t, env, append([]string{"cluster"}, tc.args...)...)
			r.want(t, 1, "", "gw3 would be missing")
			r.want(t, 1, "", "what to do: Bring the missing gateways back")
			if r.out != "" {
				t.Errorf("a refusal said %q", r.out)
			}
			tote(t, []string{"TOTE_API=" + nobody(t)}, append([]string{"cluster"}, tc.args...)...).want(t, 1, "", "the gateway does not answer")
		})
	}
	for _, args := range [][]string{{"remove"}, {"replace"}, {"transfer"}} {
		if r := tote(t, nil, append([]string{"cluster"}, args...)...); r.status == 0 || !strings.Contains(r.errors, "expected") {
			t.Errorf("%v without a name: %d %s", args, r.status, r.errors)
		}
	}
}

// TestSetAside: what was there before is kept under another name.
func TestSetAside(t *testing.T) {
	data := t.TempDir()
	cfg := file(t, "agent.yaml", strings.Replace(goodConfig, "/var/lib/tote", data, 1)+"cluster: {listen: \"127.0.0.1:7070\"}\n")
	tote(t, nil, "site", "init", "--config", cfg).want(t, 0, "site hamburg", "")
	r := tote(t, nil, "cluster", "join", "--config", cfg, "--to", strings.TrimPrefix(nobody(t), "http://"), "--set-aside",
		"--token", "tote1.00112233445566778899aabbccddeeff.0123456789ab.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	r.want(t, 1, "set aside as "+filepath.Join(data, "identity.old-"), "IDN-111")
	kept, err := filepath.Glob(filepath.Join(data, "identity.old-*", "ca.key"))
	if err != nil || len(kept) != 1 {
		t.Errorf("kept %v %v", kept, err)
	}
	if _, err := os.Stat(filepath.Join(data, "identity")); err == nil {
		t.Error("it is still there")
	}
}
