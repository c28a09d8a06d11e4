package satellite

import "time"

// Hurry shortens the times of a satellite until the function it returns is called.
func Hurry() func() {
	a, b, c, d := pollWait, pollLimit, quorumHeld, doAttempt
	pollWait, pollLimit, quorumHeld, doAttempt = 100*time.Millisecond, 500*time.Millisecond, 600*time.Millisecond, 500*time.Millisecond
	return func() { pollWait, pollLimit, quorumHeld, doAttempt = a, b, c, d }
}
