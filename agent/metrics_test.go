package agent

import (
	"net/http"
	"testing"

	"tote/agent/metrics"
)

// TestMetricsOfAGateway: a gateway that did something tells of it.
func TestMetricsOfAGateway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := &site{t: t, dir: dir, mqtt: "127.0.0.1:0", web: "127.0.0.1:0"}
	s.begin()
	s.order("O1", "A1", 2)
	if code, _ := s.call("GET", "/v1/backup", "", ""); code != http.StatusOK {
		t.Fatalf("backup: %d", code)
	}
	code, b := s.call("GET", "/metrics", "", "")
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, b)
	}
	got := metrics.Values(string(b))
	for _, name := range []string{
		"tote_ready", "tote_quorum", "tote_raft_leader", "tote_raft_term", "tote_raft_applied_index", "tote_command_seconds_count", "tote_raft_fsync_seconds_count",
		"tote_raft_fsync_seconds_sum", "tote_disk_free_bytes", "tote_backup_bytes", "tote_memory_bytes", "tote_goroutines", `tote_orders{state="RELEASED"}`,
	} {
		if got[name] <= 0 {
			t.Errorf("%s is %v", name, got[name])
		}
	}
	if off, ok := got["tote_clock_offset_seconds"]; !ok || off > 60 || off < -60 {
		t.Errorf("clock offset %v, %v", off, ok)
	}
}
