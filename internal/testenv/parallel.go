package testenv

import (
	"flag"
	"fmt"
	"strconv"
)

// ParallelTests sets how many parallel tests of a package run at once, unless the flag -parallel does. Only TestMain
// may call it. It is for packages whose tests mostly wait, for servers and timers: by default, no more tests run at
// once than there are cores.
func ParallelTests(n int) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return
	}
	if err := flag.Set("test.parallel", strconv.Itoa(n)); err != nil {
		panic(fmt.Sprintf("set -parallel: %v", err)) // the flag is in every test binary
	}
}
