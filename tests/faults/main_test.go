//go:build faults || soak

// Package faults breaks the product on purpose, as processes on a Redis of
// their own, and checks that nothing accepted is lost.
package faults

import (
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

var (
	seed = flag.Uint64("seed", uint64(time.Now().UnixNano()%1_000_000), "decides who is killed when")
	long = flag.Bool("long", false, "run what takes an hour: 10,000 runs under kills, a worker stopped for 60 s")

	binary string // the product, built for these tests
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "penstock-faults-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "penstock")
	build := exec.Command("go", "build", "-o", binary, "github.com/penstock/penstock/cmd/penstock")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		log.Fatal("build penstock: ", err)
	}
	fmt.Printf("seed %d\n", *seed)
	code := m.Run()
	if code != 0 {
		fmt.Printf("again with the same schedule: ./test --faults %d\n", *seed)
	}
	return code
}

// chance is a source of decisions, the same for one seed and name.
func chance(name string) *rand.Rand {
	var sum uint64
	for _, b := range []byte(name) {
		sum = sum*31 + uint64(b)
	}
	return rand.New(rand.NewPCG(*seed, sum))
}

// between returns a duration in [low, high).
func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)))
}

// pick returns n when the long way is wanted, else few.
func pick(few, n int) int {
	if *long {
		return n
	}
	return few
}
