package telemetry

import (
	"strconv"
	"sync"
)

// mostFlows is the maximum number of flows with their own series, because each has dozens.
const mostFlows = 200

// numbers maps user-defined numbers to label values. Beyond the first most numbers it returns "other", because an
// unbounded label would overload Prometheus.
type numbers struct {
	most int

	mu     sync.RWMutex
	labels map[int64]string // guarded by mu
}

func newNumbers(most int) *numbers { return &numbers{most: most, labels: map[int64]string{}} }

func (n *numbers) label(number int64) string {
	n.mu.RLock()
	label, known := n.labels[number]
	full := len(n.labels) >= n.most
	n.mu.RUnlock()
	if known {
		return label
	}
	if full {
		return "other"
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.labels) >= n.most {
		return "other"
	}
	label = strconv.FormatInt(number, 10)
	n.labels[number] = label
	return label
}
