package view

import "time"

// LastUses is when things of one kind were used last.
type LastUses struct {
	Known bool // this installation notes it
	At    map[string]time.Time
}
