package testenv

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
)

// failure records how a test fails.
type failure struct {
	testing.TB
	text string
}

func (f *failure) Helper() {}

func (f *failure) Fatalf(format string, args ...any) {
	f.text = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// A condition that becomes true and a value that arrives end the wait; what is missing after a minute fails the test.
func TestWaiting(t *testing.T) {
	t.Parallel()
	closed := make(chan int)
	close(closed)
	for name, c := range map[string]struct {
		wait func(t testing.TB)
		want string
	}{
		"a condition, the third time": {func(t testing.TB) { n := 0; Until(t, "third", func() bool { n++; return n == 3 }) }, ""},
		"a condition, never":          {func(t testing.TB) { Until(t, "never", func() bool { return false }) }, "not reached after 1m0s: never"},
		"a value":                     {func(t testing.TB) { value := make(chan int, 1); value <- 1; Receive(t, value, "a value") }, ""},
		"a closed channel":            {func(t testing.TB) { Receive(t, closed, "the end") }, ""},
		"no value":                    {func(t testing.TB) { Receive(t, make(chan int), "a value") }, "not received after 1m0s: a value"},
	} {
		synctest.Test(t, func(t *testing.T) {
			f, done := &failure{TB: t}, make(chan struct{})
			go func() {
				defer close(done)
				c.wait(f)
			}()
			<-done
			if f.text != c.want {
				t.Errorf("%s: %q, want %q", name, f.text, c.want)
			}
		})
	}
}
