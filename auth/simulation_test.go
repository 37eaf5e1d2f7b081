// One goroutine simulates all callers, so the race detector would only slow the test down.

//go:build !race

package auth

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/testenv"
)

// The tests use the real guard on a real Redis with a simulated clock. The short form scales the largest attacks
// down; PENSTOCK_SIMULATE=long does not. It prints the table in docs/security.md.

// caller is a simulated caller that repeatedly tries to prove a name from an address.
type caller struct {
	name, ip string
	right    bool
	every    time.Duration    // zero: as soon as it was told that it may
	guard    *BruteForceGuard // the process that it talks to

	at               time.Duration // of the next try
	tries, served    int
	firstServed      time.Duration
	evaluated, order int
}

// callers is a heap ordered by the time of the next attempt.
type callers []*caller

func (c callers) Len() int { return len(c) }
func (c callers) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(c[i].at, c[j].at), cmp.Compare(c[i].order, c[j].order)) < 0
}
func (c callers) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *callers) Push(x any)   { *c = append(*c, x.(*caller)) }
func (c *callers) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

// simulation is a set of guards with a clock and callers.
type simulation struct {
	t        *testing.T
	begin    time.Time
	now      time.Duration      // since begin
	guards   []*BruteForceGuard // one for each process; they share Redis
	callers  callers
	guesses  map[string][]time.Duration // that were evaluated, by name
	networks map[string][]time.Duration // the same, by network
}

func newSimulation(t *testing.T) *simulation {
	t.Helper()
	s := &simulation{t: t, begin: time.Unix(1795280000, 0), guesses: map[string][]time.Duration{}, networks: map[string][]time.Duration{}}
	client := testenv.Redis(t).Client()
	for range 3 {
		a, err := limits.NewAttempts(limits.AttemptsConfig{Redis: client, Key: []byte("a test's"), Now: s.clock})
		if err != nil {
			t.Fatal(err)
		}
		s.guards = append(s.guards, NewBruteForceGuard(a))
	}
	return s
}

func (s *simulation) clock() time.Time { return s.begin.Add(s.now) }

func (s *simulation) add(c caller) *caller {
	c.order, c.guard = len(s.callers), s.guards[len(s.callers)%len(s.guards)]
	s.callers = append(s.callers, &c)
	return &c
}

// try makes one attempt of a caller and returns the time until the next.
func (s *simulation) try(c *caller) time.Duration {
	wrong := errors.New("wrong")
	err := c.guard.Check(s.t.Context(), Proof{Name: c.name, IP: c.ip, Now: s.clock(), Valid: c.right}, wrong)
	c.tries++
	refused := asError(err)
	switch {
	case err == nil:
		if c.served++; c.served == 1 {
			c.firstServed = s.now
		}
	case errors.Is(err, wrong):
		c.evaluated++
		s.guesses[c.name] = append(s.guesses[c.name], s.now)
		network := limits.Network(c.ip)
		s.networks[network] = append(s.networks[network], s.now)
	case refused == nil || refused.Code != CodeSlowDown:
		s.t.Fatal(err)
	}
	switch {
	case c.every > 0:
		return c.every
	case refused != nil:
		return refused.Retry
	}
	return time.Second
}

// run simulates a period.
func (s *simulation) run(span time.Duration) {
	end := s.now + span
	heap.Init(&s.callers)
	for s.callers.Len() > 0 && s.callers[0].at < end {
		c := s.callers[0]
		s.now = max(s.now, c.at)
		c.at = s.now + s.try(c)
		heap.Fix(&s.callers, 0)
	}
	s.now = end
}

// most returns the maximum number of times within any hour.
func most(all map[string][]time.Duration) int {
	found := 0
	for _, moments := range all {
		slices.Sort(moments)
		first := 0
		for i := range moments {
			for moments[i]-moments[first] >= time.Hour {
				first++
			}
			found = max(found, i-first+1)
		}
	}
	return found
}

// address returns the i-th address; each is of another network.
func address(i int) string { return fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255) }

func rate(c ...*caller) float64 {
	served, tries := 0, 0
	for _, one := range c {
		served, tries = served+one.served, tries+one.tries
	}
	return 100 * float64(served) / float64(max(1, tries))
}

// bounds fails the test when a scenario exceeds the documented limits.
func (s *simulation) bounds(row string, owners ...*caller) (perName, perNetwork int) {
	s.t.Helper()
	perName, perNetwork = most(s.guesses), most(s.networks)
	if perName > 100 || perNetwork > 1000 {
		s.t.Errorf("%s: %d guesses an hour at a name, %d from a network", row, perName, perNetwork)
	}
	for _, o := range owners {
		if o.tries == 0 || rate(o) < 99.9 {
			s.t.Errorf("%s: the owner at %s was served %d times of %d", row, o.ip, o.served, o.tries)
		}
	}
	return perName, perNetwork
}

// Many addresses attack one name. Half of the attackers wait as told, the others do not.
func TestSimulatedAttackOnAName(t *testing.T) {
	t.Parallel()
	long := os.Getenv("PENSTOCK_SIMULATE") == "long"
	table := []string{"addresses | attackers' tries | evaluated in the worst hour | owner each second | each minute | each day | owner at a new address served after"}
	for _, scale := range []struct {
		addresses, short int
		span             time.Duration // of the short form
	}{{1, 1, time.Hour}, {12, 12, time.Hour}, {200, 200, 40 * time.Minute}, {10_000, 1000, 10 * time.Minute}} {
		n, span, days, perSecond := scale.short, scale.span, 3, 0.25
		if long {
			n, span, days, perSecond = scale.addresses, 2*time.Hour, 30, 20
		}
		s := newSimulation(t)
		each := map[string]*caller{}
		for ip, every := range map[string]time.Duration{"192.0.2.1": time.Second, "192.0.2.2": time.Minute, "192.0.2.3": 24 * time.Hour} {
			each[ip] = s.add(caller{name: "user:ann", ip: ip, right: true, every: every})
			s.try(each[ip]) // she proved her name yesterday
		}
		s.now += 24 * time.Hour
		for _, o := range each {
			*o = caller{name: o.name, ip: o.ip, right: true, every: o.every, guard: o.guard, order: o.order, at: s.now + min(o.every, span/2)}
		}
		began := s.now
		for i := range n {
			a := caller{name: "user:ann", ip: address(i), at: began + time.Duration(i)*time.Millisecond}
			if i%2 == 1 || n == 1 {
				a.every = time.Duration(float64(max(1, n/2)) / perSecond * float64(time.Second))
			}
			s.add(a)
		}
		moved := s.add(caller{name: "user:ann", ip: "198.51.100.7", right: true, at: began + span/4})
		s.run(span)
		waited := "not within " + (span - span/4).String()
		if moved.served > 0 {
			waited = (moved.firstServed - began - span/4).Round(time.Second).String()
		}
		s.daily(each["192.0.2.3"], days)
		tries := 0
		for _, c := range s.callers {
			if !c.right {
				tries += c.tries
			}
		}
		row := fmt.Sprintf("%d addresses", n)
		perName, _ := s.bounds(row, each["192.0.2.1"], each["192.0.2.2"], each["192.0.2.3"])
		table = append(table, fmt.Sprintf("%d | %d | %d | %.2f %% | %.2f %% | %.2f %% | %s", n, tries, perName,
			rate(each["192.0.2.1"]), rate(each["192.0.2.2"]), rate(each["192.0.2.3"]), waited))
	}
	t.Log("\n" + strings.Join(table, "\n"))
}

// daily simulates days; of each day only the minute around the owner's call, which is when the attack could affect
// it.
func (s *simulation) daily(owner *caller, days int) {
	s.t.Helper()
	for range days {
		for _, c := range s.callers {
			c.at = max(c.at, owner.at-30*time.Second)
		}
		s.run(owner.at + 30*time.Second - s.now)
	}
}

// Fifty tenants share an address. One of them repeats a wrong password for ever; in the second part another one
// also guesses passwords.
func TestSimulatedOffice(t *testing.T) {
	t.Parallel()
	span := 10 * time.Minute
	if os.Getenv("PENSTOCK_SIMULATE") == "long" {
		span = 2 * time.Hour
	}
	const office = "192.0.2.1"
	table := []string{"at one address | tries | evaluated in the worst hour, per name | per network | tenants served"}
	for _, row := range []struct {
		what   string
		others func(s *simulation)
	}{
		{"49 tenants, a broken one", func(s *simulation) { s.add(caller{name: "user:tenant49", ip: office, every: time.Second}) }},
		{"the same, its name never proved there", func(s *simulation) { s.add(caller{name: "user:nobody", ip: office, every: time.Second}) }},
		{"and 30 broken ones", func(s *simulation) {
			for i := range 30 {
				s.add(caller{name: fmt.Sprint("user:broken", i), ip: office, every: 10 * time.Second})
			}
		}},
	} {
		s := newSimulation(t)
		var tenants []*caller
		for i := range 49 {
			c := s.add(caller{name: fmt.Sprint("user:tenant", i), ip: office, right: true, every: 20 * time.Second, at: time.Duration(i) * time.Millisecond})
			s.try(c)
			tenants = append(tenants, c)
		}
		s.try(s.add(caller{name: "user:tenant49", ip: office, right: true, every: 1000 * time.Hour, at: 1000 * time.Hour}))
		row.others(s)
		s.run(span)
		perName, perNetwork := s.bounds(row.what, tenants...)
		table = append(table, fmt.Sprintf("%s | %d | %d | %d | %.2f %%", row.what, s.tried(), perName, perNetwork, rate(tenants...)))
	}
	t.Log("\n" + strings.Join(table, "\n"))
}

func (s *simulation) tried() int {
	n := 0
	for _, c := range s.callers {
		if !c.right {
			n += c.tries
		}
	}
	return n
}

// A user behind the shared address of fifty users guesses their passwords, and those of unknown names, as often as
// the guard allows.
func TestSimulatedGuesserInTheOffice(t *testing.T) {
	t.Parallel()
	s := newSimulation(t)
	const office = "192.0.2.1"
	for i := range 50 {
		s.try(&caller{name: fmt.Sprint("user:tenant", i), ip: office, right: true, guard: s.guards[0]})
		s.add(caller{name: fmt.Sprint("user:tenant", i), ip: office})
	}
	for i := range 20 {
		s.add(caller{name: fmt.Sprint("user:other", i), ip: office})
	}
	s.run(time.Hour)
	perName, perNetwork := s.bounds("a guesser in the office")
	t.Logf("a guesser in an office of 50: %d tries, %d evaluated an hour per name, %d per network", s.tried(), perName, perNetwork)
}
