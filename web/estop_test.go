package web_test

import (
	"strings"
	"testing"

	"tote/web"
)

// An emergency stop stands above all other devices. That the codes are those of its
// driver is proved in package agent.
func TestEmergencyStopOnTheConsole(t *testing.T) {
	for _, code := range []string{"DEV-603", "DEV-604"} {
		s := small(t)
		s.now = epoch
		cfg := s.config()
		cfg.Gateway = func() web.GatewayStatus {
			g := gateway(epoch)
			g.Devices = append(g.Devices, web.Device{Name: "aaa1/scale", State: "absent", Code: "DEV-001"}, stop(code, epoch))
			return g
		}
		body := get(t, serve(t, cfg), "/").Body.String()
		row := strings.Index(body, "estop/hall1")
		if row < 0 || !strings.Contains(body, "EMERGENCY STOP hall1") {
			t.Fatalf("%s: not on the console", code)
		}
		if other := strings.Index(body, "aaa1/scale"); other < row {
			t.Errorf("%s: another device stands above it", code)
		}
	}
}
