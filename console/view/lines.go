package view

import (
	"strconv"
	"time"
)

// QueueLines is a queue, and the flows that have runs in line for its slots.
type QueueLines struct {
	Queue        string
	Slots, Spare int // of the live workers
	Share        int // of a flow without a share of its own, in percent
	Turns        int64
	Lines        []LineRow // the next first
	More         int       // flows in line that are not shown
	Paused       bool
}

// LineRow is a flow in line.
type LineRow struct {
	Flow             int64
	Name             string // empty: the flow is gone
	Now              int    // runs that are pending or executed
	Waited, Unwaited int    // runs in line
	Oldest           time.Duration
	Share            int  // in percent
	AtLeast          bool // more runs stand in line
	Paused           bool
}

func (l LineRow) name() string {
	if l.Name == "" {
		return "flow " + strconv.FormatInt(l.Flow, 10)
	}
	return l.Name
}

// inLine writes a number of runs in line.
func (l LineRow) inLine(n int) string {
	if l.AtLeast && n > 0 {
		return count(n) + "+"
	}
	return count(n)
}
