// Command gendata writes the files of a simulated shift of any size.
package main

import (
	"flag"
	"fmt"
	"os"

	"tote/demo/gen"
)

func main() {
	orders := flag.Int("orders", 60, "number of orders")
	seed := flag.Uint64("seed", gen.Seed, "another seed gives another shift")
	dir := flag.String("dir", ".", "where the files go")
	flag.Parse()
	d, err := gen.Generate(gen.Config{Orders: *orders, Seed: *seed})
	if err == nil {
		err = d.Write(*dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gendata:", err)
		os.Exit(1)
	}
}
