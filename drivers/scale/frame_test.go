package scale

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func lines(f *Lines, chunks ...string) (got []string) {
	for _, c := range chunks {
		f.Push([]byte(c), func(l []byte, err error) {
			if err != nil {
				l = []byte(err.Error())
			}
			got = append(got, string(l))
		})
	}
	return got
}

func TestFramer(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"ES\r\n", []string{"ES"}},
		{"ES\nET\n", []string{"ES", "ET"}},
		{"\r\n\r\n", nil},
		{"ES\r", nil},
		{"ES\rET\r\n", []string{"ES\rET"}},
		{long + "\r\nES\r\n", []string{ErrLong.Error(), "ES"}},
		{long + "\nES\n", []string{long, "ES"}},
		{long + long + long + "\nES\n", []string{ErrLong.Error(), "ES"}},
	} {
		if d := cmp.Diff(c.want, lines(&Lines{}, c.in)); d != "" {
			t.Errorf("%q (-want +got)\n%s", c.in, d)
		}
		var parts []string
		for _, b := range []byte(c.in) {
			parts = append(parts, string([]byte{b}))
		}
		if d := cmp.Diff(c.want, lines(&Lines{}, parts...)); d != "" {
			t.Errorf("%q byte by byte (-want +got)\n%s", c.in, d)
		}
	}
}
