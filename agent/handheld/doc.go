// Package handheld is the codec of the handheld protocol on the gateway's side:
// it turns the JSON of an up/cmd message into a command of package warehouse and
// an answer into the JSON of down/result.
//
// Decoding is strict: an unknown or repeated field, a wrong type, a field that
// does not belong to the verb, a value out of range are refused with a code and
// a text for a person, never repaired. A refusal still carries the cmdId and
// seq when they can be made out, so that the handheld knows what was refused.
//
// Pure functions, no goroutines. Wire: api/asyncapi.yaml, channel handheldCmd
// and handheldResult.
package handheld
