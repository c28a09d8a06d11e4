package rfid

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tote/firmware-tests/record"
)

// The record of a carton counts what a reader, of whatever family, was still telling
// of it when it was through.
func TestACartonWaitsForWhatIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book, err := record.Open("air", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		a := NewAir(4, 400, 1, true, book)
		tags := []record.Tag{{EPC: "AA00", Rate: 1000}}
		if _, err := a.Pass(tags, 100); !errors.Is(err, ErrNotRunning) {
			t.Errorf("before the reader runs: %v", err)
		}
		a.Begin()
		passed := make(chan record.Entry)
		go func() {
			e, err := a.Pass(tags, 100)
			if err != nil {
				t.Error(err)
			}
			passed <- e
		}()
		<-time.After(50 * time.Millisecond)
		told := 0
		a.Tell(func() {
			heard := a.Listen(1, 30, time.Now(), 50*time.Millisecond)
			<-time.After(80 * time.Millisecond) // the carton is through meanwhile
			for _, h := range heard {
				a.Told(h)
				told++
			}
		})
		if e := <-passed; told == 0 || e.Tags.Reads["AA00"] != told {
			t.Errorf("%d told, the record has %v", told, e.Tags.Reads)
		}
		if lie, move := a.InField(); lie != 0 || move != 0 {
			t.Errorf("%d lie there, %d move", lie, move)
		}
		ended := make(chan error)
		go func() { _, err := a.Pass(tags, 100); ended <- err }()
		synctest.Wait()
		a.End()
		if err := <-ended; !errors.Is(err, ErrNotRunning) {
			t.Errorf("on its way at the reader's end: %v", err)
		}
		if _, err := a.Pass(tags, 100); !errors.Is(err, ErrNotRunning) {
			t.Errorf("behind the reader's end: %v", err)
		}
	})
}
