package health

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"tote/agent/identity"
)

func TestExplain(t *testing.T) {
	used, _ := Find("IDN-106")
	for name, tc := range map[string]struct {
		err  error
		want Fault
	}{
		"a sentinel":         {identity.ErrTokenUsed, used},
		"wrapped":            {fmt.Errorf("join: %w (by gw2)", identity.ErrTokenUsed), used},
		"behind other words": {errors.New("GW-1 of SITE_A says IDN-106: no"), used},
		"no code":            {errors.New("OK, the INTERNAL thing failed"), Fault{}},
	} {
		got := Explain(tc.err)
		if !errors.Is(got, tc.err) {
			t.Errorf("%s: the cause is gone", name)
		}
		if tc.want.Code == "" {
			if got != tc.err {
				t.Errorf("%s: %v", name, got)
			}
			continue
		}
		if e, ok := errors.AsType[*Explained](got); !ok || e.Fault != tc.want || !strings.HasSuffix(got.Error(), tc.want.Action) {
			t.Errorf("%s: %v", name, got)
		}
		if again := Explain(fmt.Errorf("outer: %w", got)); strings.Count(again.Error(), tc.want.Action) != 1 {
			t.Errorf("%s: explained twice: %v", name, again)
		}
	}
	if Explain(nil) != nil {
		t.Error("nil is an error")
	}
}
