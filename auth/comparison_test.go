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
	rounds  = 20 // of samples, before it is judged
	retries = 4  // so often it is measured again, as many rounds each: noise goes, a difference stays
)

// comparison tells whether requests take longer, or shorter, than a known one.
// All are sampled in turn, in random order, so that what else the machine does
// hits all alike; the known one twice, which shows the noise.
type comparison struct {
	known  func()
	others map[string]func()

	samples map[string][]time.Duration
	noise   time.Duration
}

// again names the second sample of the known request.
const again = "known again"

// run samples until it is clear enough that the others differ as they should,
// or for as long as it retries.
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

// compare compares the median of each round's difference from the known request
// with how far off the same median may be for the known request itself: five
// standard errors, from the middle half of its differences, which outliers do
// not move, and no less than a twentieth of the time.
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

// differences are those of each round, from the smallest to the largest.
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
