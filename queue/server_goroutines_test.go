package queue

import (
	"testing"
	"testing/synctest"
)

// A pool that is closed while functions run keeps none of their goroutines; the
// bubble of the test fails if one is left.
func TestAPoolEndsItsGoroutines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p pool
		release, ended := make(chan struct{}), 0
		p.run(func() {})
		p.run(func() { <-release })
		synctest.Wait()
		p.close()
		close(release)
		p.run(func() { ended++ })
		synctest.Wait()
		if ended != 1 {
			t.Errorf("a function given to a closed pool ran %d times", ended)
		}
	})
}
