package telemetry

import (
	"strconv"
	"sync"
)

// maxFlows is the maximum number of flows with their own series, because each has dozens.
const maxFlows = 200

// flowLabels maps user-defined numbers to label values. Beyond the first most numbers it returns "other", because an
// unbounded label would overload Prometheus.
type flowLabels struct {
	max int

	mu     sync.RWMutex
	labels map[int64]string // guarded by mu
}

func newFlowLabels(most int) *flowLabels { return &flowLabels{max: most, labels: map[int64]string{}} }

func (n *flowLabels) label(number int64) string {
	n.mu.RLock()
	label, known := n.labels[number]
	full := len(n.labels) >= n.max
	n.mu.RUnlock()
	if known {
		return label
	}
	if full {
		return "other"
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.labels) >= n.max {
		return "other"
	}
	label = strconv.FormatInt(number, 10)
	n.labels[number] = label
	return label
}
