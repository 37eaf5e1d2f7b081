package auth

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	rounds  = 20 // samples before each comparison
	retries = 4  // further measurements of as many rounds: noise averages out, a difference stays
)

// comparison reports which requests take a different time than a known one. It measures all of them alternately in
// random order, so that other load affects all equally, and the known one twice, to measure the noise.
type comparison struct {
	known  func()
	others map[string]func()

	samples map[string][]time.Duration
	noise   time.Duration
}

// again is the name of the second measurement of the known request.
const again = "known again"

// run measures until the result is as expected and the noise is low, at most 1 + retries times.
func (c *comparison) run(should bool) (differs map[string]bool) {
	for range 1 + retries {
		c.sample()
		differs = c.compare()
		if !slices.Contains(slices.Collect(maps.Values(differs)), !should) && c.noise < c.median("known")/3 {
			break
		}
	}
	return differs
}

func (c *comparison) sample() {
	if c.samples == nil {
		c.samples = map[string][]time.Duration{}
	}
	tries := maps.Clone(c.others)
	tries["known"], tries[again] = c.known, c.known
	names := slices.Sorted(maps.Keys(tries))
	for range rounds {
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		for _, who := range names {
			start := time.Now()
			tries[who]()
			c.samples[who] = append(c.samples[who], time.Since(start))
		}
	}
}

// compare compares the median difference from the known request with its noise: five standard errors of the same
// median for the known request itself, from its interquartile range, which is robust against outliers, and at least
// a twentieth of the time.
func (c *comparison) compare() map[string]bool {
	null := c.differences(again)
	half := null[len(null)*3/4] - null[len(null)/4]
	err := 1.25 * 0.74 * float64(half) / math.Sqrt(float64(len(null)))
	c.noise = max(time.Duration(5*err), c.median("known")/20)
	differs := map[string]bool{}
	for who := range c.others {
		d := c.differences(who)
		differs[who] = d[len(d)/2].Abs() > c.noise
	}
	return differs
}

// differences returns the sorted differences from the known request, one per round.
func (c *comparison) differences(who string) []time.Duration {
	all := slices.Clone(c.samples[who])
	for i := range all {
		all[i] -= c.samples["known"][i]
	}
	slices.Sort(all)
	return all
}

func (c *comparison) median(who string) time.Duration {
	all := slices.Sorted(slices.Values(c.samples[who]))
	return all[len(all)/2]
}

func (c *comparison) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "medians of %d:", len(c.samples["known"]))
	for _, who := range slices.Sorted(maps.Keys(c.samples)) {
		fmt.Fprintf(&b, " %s %v,", who, c.median(who).Round(10*time.Microsecond))
	}
	fmt.Fprintf(&b, " noise %v", c.noise.Round(10*time.Microsecond))
	return b.String()
}

// The compare itself: noise of ten times a difference hides it, noise as large as
// a difference does not.
func TestComparison(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for shift, want := range map[time.Duration]bool{0: false, time.Millisecond: false, 12 * time.Millisecond: true, -12 * time.Millisecond: true} {
		c := &comparison{others: map[string]func(){"other": nil}, samples: map[string][]time.Duration{}}
		for range rounds * (1 + retries) {
			for _, who := range []string{"known", again, "other"} {
				took := 25*time.Millisecond + time.Duration(random.ExpFloat64()*float64(10*time.Millisecond))
				if who == "other" {
					took += shift
				}
				c.samples[who] = append(c.samples[who], took)
			}
		}
		if got := c.compare()["other"]; got != want {
			t.Errorf("a shift of %v differs: %v; %s", shift, got, c)
		}
	}
}
