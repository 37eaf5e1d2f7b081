package app

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows"
)

// queues maps queue names to numbers. It is a flag value such as default=3,slow; the default number is 1.
type queues map[string]int

func (q queues) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(q)) {
		parts = append(parts, name+"="+strconv.Itoa(q[name]))
	}
	return strings.Join(parts, ",")
}

// Set implements pflag.Value. It replaces all queues.
func (q *queues) Set(text string) error {
	next := queues{}
	for part := range strings.SplitSeq(text, ",") {
		name, weight, weighted := strings.Cut(strings.TrimSpace(part), "=")
		n := 1
		if weighted {
			var err error
			if n, err = strconv.Atoi(weight); err != nil {
				return fmt.Errorf("%q of queue %q is not a number", weight, name)
			}
		}
		if name == "" || n < 1 {
			return fmt.Errorf("%q is not a queue with a number of at least 1", part)
		}
		if err := flows.CheckQueue(name); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
		if _, twice := next[name]; twice {
			return fmt.Errorf("queue %q is given twice", name)
		}
		next[name] = n
	}
	*q = next
	return nil
}

// Type implements pflag.Value.
func (q queues) Type() string { return "queues" }

// check rejects numbers above 100 for a flag with percentages.
func (q queues) check(flag string) error {
	for name, n := range q {
		if n > 100 {
			return fmt.Errorf("read settings: %s: %d%% of queue %q exceeds 100%%", flag, n, name)
		}
	}
	return nil
}
