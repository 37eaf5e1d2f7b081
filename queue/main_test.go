//go:build !mutation

package queue

import (
	"os"
	"testing"

	"github.com/penstock/penstock/internal/testenv"
)

func TestMain(m *testing.M) {
	testenv.ParallelTests(12)
	os.Exit(m.Run())
}
