package telemetry

import (
	"strconv"
	"sync"
)

// mostFlows bounds the flows that have series of their own: each has dozens.
const mostFlows = 200

// numbers are the values of a label that counts something of the user's. What
// comes after the first so many is "other": a label without bound makes
// Prometheus fall over.
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
