// Package light emulates a pick-to-light controller: a bus of modules, each with a
// lamp, a display and a button, and the box that speaks MQTT for them. A person at
// it presses buttons, sees what the displays show and takes pieces, and all of it is
// kept in a record.
//
// A module is lit while the newest state/task says so, and dark when the box has no
// connection. A press names the task and the handheld of the lamp as it was shown.
// It goes out with the next sequence, again and again until it is acknowledged, and
// its button does nothing more until the answer is there.
//
// It is written from the protocol (api/asyncapi.yaml, the channels light…) and shares
// no code with the agent.
//
// Run owns the goroutine that sends the presses and, through the MQTT client, the
// connection. The other methods may be called from anywhere.
package light
