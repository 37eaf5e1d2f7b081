package goroutines

import (
	"testing"
	"testing/synctest"
)

// A pool that is closed while functions run keeps none of their goroutines; the
// bubble of the test fails if one is left.
func TestAPoolEndsItsGoroutines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p Pool
		release, ended := make(chan struct{}), 0
		p.Run(func() {})
		p.Run(func() { <-release })
		synctest.Wait()
		p.Close()
		close(release)
		p.Run(func() { ended++ })
		synctest.Wait()
		if ended != 1 {
			t.Errorf("a function given to a closed pool ran %d times", ended)
		}
	})
}
