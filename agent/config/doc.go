// Package config reads the one configuration file of a gateway: strict YAML, no
// key that is not known, no value that is not checked. It touches no device and
// opens no port, so the same code serves "tote validate".
//
// Every problem has a code of [Faults], the line and column it stands at, an
// excerpt, and for an unknown key the nearest right one. All problems are found
// in one go, the first [maxProblems] of them, each with what to do about it; only
// of a file that is not YAML the first one is told.
//
// Each key is documented once, in the struct tags below: doc is the text,
// default the value used when the key is left out, example the value in the
// example file. config.example.yaml, docs/config.md and docs/config.schema.json are
// made from them:
//
//	go generate ./agent/config
//
// Pure functions, no goroutines.
package config

//go:generate go test -run TestGeneratedFiles -update .
