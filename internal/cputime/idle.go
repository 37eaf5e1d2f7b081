package cputime

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// Idle measures how idle the processors of the machine are. It is not safe for concurrent use.
type Idle struct {
	idle, all float64   // ticks since the start of the machine, at the last measurement
	at        time.Time // of the last measurement
	last      float64   // what it returned
}

// idleInterval is the shortest time over which Share measures. A tick is 10 ms.
const idleInterval = 200 * time.Millisecond

// Share returns the share of the processors' time since the last measurement in which they had nothing to do, from 0 to 1. The
// first call has the time since the start of the machine. It is 1 where the system does not say, as on systems other than Linux.
func (i *Idle) Share() float64 {
	if now := time.Now(); now.Sub(i.at) >= idleInterval {
		i.at = now
		text, err := os.ReadFile("/proc/stat")
		if err != nil {
			text = nil
		}
		i.last = i.share(text)
	}
	return i.last
}

// share reads the first line of /proc/stat, proc_stat(5): cpu user nice system idle iowait irq softirq steal guest guest_nice.
// Guests are counted in user and nice.
func (i *Idle) share(text []byte) float64 {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return 1
	}
	var idle, all float64
	for at, field := range fields[1:9] {
		n, err := strconv.ParseFloat(string(field), 64)
		if err != nil {
			return 1
		}
		if all += n; at == 3 || at == 4 {
			idle += n
		}
	}
	spent, total := idle-i.idle, all-i.all
	i.idle, i.all = idle, all
	if total <= 0 {
		return 1
	}
	return min(max(spent/total, 0), 1)
}
