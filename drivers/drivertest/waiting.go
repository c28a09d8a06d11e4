package drivertest

import "flag"

// atOnce is how many parallel tests a package of tests that wait runs.
const atOnce = "16"

// Waiting is called in TestMain by a package whose tests wait for devices, not for
// the processor: its parallel tests run 16 at a time instead of one for each core,
// unless -parallel was given.
func Waiting() {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given || flag.Lookup("test.parallel") == nil {
		return
	}
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err) // the flag is there and takes a number
	}
}
