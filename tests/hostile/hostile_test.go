//go:build hostile && linux

// Package hostile sends memory bombs to a worker that has 1 GB and to good
// callers' flows beside them.
package hostile

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	copies = flag.Int("copies", 64, "bombs at once")
	built  = flag.String("binary", "", "the program to test; empty: it is built")
	lasts  = flag.Duration("for", 20*time.Second, "how long bombs are sent; each ends the run that it began")
)

const (
	memory   = 1 << 30                // bytes that the worker may have
	every    = 20 * time.Millisecond  // between two good calls
	patience = 200 * time.Millisecond // p99 of good calls
)

// TestWorkerSurvives keeps 64 bombs in flight while 50 good callers a second
// want an answer.
func TestWorkerSurvives(t *testing.T) {
	i := install(t)
	if status, body := i.call("good"); status != 200 {
		t.Fatalf("the good flow: %d %s", status, body)
	}
	t.Logf("without bombs: %s", i.pace(100))
	var bad, good sync.WaitGroup
	var mu sync.Mutex
	answers, failed := map[string]int{}, map[string]int{}
	var took []time.Duration
	var longest time.Duration
	end := time.Now().Add(*lasts)
	for n := range *copies {
		bad.Go(func() {
			for ; time.Now().Before(end); n += *copies {
				name := i.bombs[n%len(i.bombs)]
				begun := time.Now()
				status, body := i.call("memory-" + name)
				mu.Lock()
				answers[fmt.Sprintf("%s: %d %s", name, status, outcome(body))]++
				longest = max(longest, time.Since(begun))
				mu.Unlock()
			}
		})
	}
	done := make(chan struct{})
	go func() { bad.Wait(); close(done) }()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for going := true; going; {
		select {
		case <-done:
			going = false
		case <-ticker.C:
			good.Go(func() {
				begun := time.Now()
				status, body := i.call("good")
				mu.Lock()
				defer mu.Unlock()
				if took = append(took, time.Since(begun)); status != 200 {
					failed[fmt.Sprintf("%d %.200s", status, body)]++
				}
			})
		}
	}
	good.Wait()
	i.alive(t)
	slices.Sort(took)
	p99 := took[len(took)*99/100]
	load, _ := os.ReadFile("/proc/loadavg")
	t.Logf("%d good calls: median %v, p99 %v, longest %v; longest bomb %v; load of the machine %s", len(took), took[len(took)/2], p99, took[len(took)-1], longest, load)
	for answer, n := range answers {
		t.Logf("%d × %s", n, answer)
		// One that has the room may succeed; 64 that share two cores may take longer than a run may.
		if !strings.HasSuffix(answer, " limit") && !strings.HasSuffix(answer, " timeout") && !strings.HasSuffix(answer, ": 200 ") {
			t.Errorf("%s: neither a limit, nor a timeout, nor an output", answer)
		}
	}
	if len(failed) > 0 {
		t.Errorf("good calls failed: %v", failed)
	}
	if p99 > patience {
		t.Errorf("99 of 100 good calls take up to %v, want %v", p99, patience)
	}
}

// outcome is the code of a problem, with its words where they are not expected,
// or nothing.
func outcome(body string) string {
	var problem struct{ Code, Detail string }
	_ = json.Unmarshal([]byte(body), &problem) // an output is no problem
	if problem.Code == "step_failed" && strings.HasPrefix(problem.Detail, "the rows are larger than") {
		return "bound of rows: limit"
	}
	if problem.Code == "step_failed" {
		return problem.Code + ": " + problem.Detail
	}
	return problem.Code
}
