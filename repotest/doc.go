// Package repotest holds the rules of the repository that a compiler does not
// check: which package may import which, what a pure package may use, that
// every package explains itself, that dependencies are written down, and that
// the binary builds for every platform we promise.
//
// A check is a function from a [Tree] to findings. Checks run on the real tree
// in the tests of this package, and each is shown to fail on a bad tree in
// testdata/fixtures. The package only reads; it owns no goroutine.
package repotest
