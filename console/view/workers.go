package view

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// Worker is a worker process.
type Worker struct {
	ID, Host string
	PID      int
	Version  string
	Queues   []string // with the slots of each
	Busy     int      // slots that are used
	Slots    int
	Started  time.Time
	Seen     time.Time // last heartbeat
	Draining bool
	Lost     bool // it sends no heartbeat
}

// Door is a process that serves the API and the console.
type Door struct {
	Host    string
	PID     int
	Version string
	Started time.Time
	Both    bool // it executes runs, too
	Own     bool // it has served this page
}

// GoneProcess is a process that has gone.
type GoneProcess struct {
	Role, Host string
	PID        int
	Version    string
	Started    time.Time
	At         time.Time // when that was noticed
}

// Workers is the content of the page of the processes.
type Workers struct {
	Workers  []Worker
	Doors    []Door
	Gone     []GoneProcess
	Versions int // number of versions among the live processes
}

func process(host string, pid int) string {
	return cmp.Or(host, "unknown") + ":" + strconv.Itoa(pid)
}

func versionText(version string) string { return cmp.Or(version, "unknown") }

func (w Worker) queuesText() string { return strings.Join(w.Queues, ", ") }
