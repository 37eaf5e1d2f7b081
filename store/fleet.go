package store

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// beatEvery is how often a process announces itself.
	beatEvery = 2 * time.Second
	// processLife is how long an announcement counts. Several of beatEvery: one
	// that Redis did not get must not matter.
	processLife = 10 * time.Second
)

//go:embed lua/fleet.lua
var fleetLua string

// fleetScript announces a process and returns all.
var fleetScript = redis.NewScript(fleetLua)

// Process is what a process says of itself to the others.
type Process struct {
	ID      string    `json:"-"`
	Role    string    `json:"role"` // "api", "worker", "dev"; empty: it does not announce itself
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Version string    `json:"version"` // of the build
	Started time.Time `json:"started"`

	Keys          []string `json:"keys"` // ids of its master keys, in the order of its setting
	Schema        int      `json:"schema"`
	Protocol      int      `json:"protocol"`
	LeastProtocol int      `json:"least_protocol"` // oldest that it understands
}

// String names the process for people.
func (p Process) String() string {
	return fmt.Sprintf("%s %s, process %d, version %s", p.Role, p.Host, p.PID, cmp.Or(p.Version, "unknown"))
}

// Processes are the processes that are alive, the oldest first. Those of
// versions before schema 2 do not announce themselves.
func (s *Store) Processes(ctx context.Context) ([]Process, error) {
	return Processes(ctx, s.config.Redis)
}

// Processes are those that are alive and announce themselves in a Redis, the
// oldest first.
func Processes(ctx context.Context, client redis.Scripter) ([]Process, error) {
	return announce(ctx, client, "", "", 0)
}

// beat announces this process and notes what the others say.
func (s *Store) beat(ctx context.Context) error {
	if s.config.Process.Role == "" {
		return nil
	}
	data, err := json.Marshal(s.config.Process)
	if err != nil {
		return fmt.Errorf("announce process: %w", err)
	}
	all, err := announce(ctx, s.config.Redis, s.config.Process.ID, string(data), processLife)
	if err != nil {
		return err
	}
	s.fleet.Store(&all)
	return nil
}

// leave takes this process out of the announced.
func (s *Store) leave(ctx context.Context) {
	if s.config.Process.Role == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revisionLimit)
	defer cancel()
	if _, err := announce(ctx, s.config.Redis, s.config.Process.ID, "", 0); err != nil {
		s.config.Log.Debug("leave the fleet", "error", err) // the announcement expires
	}
}

func announce(ctx context.Context, client redis.Scripter, id, said string, life time.Duration) ([]Process, error) {
	answer, err := fleetScript.Run(ctx, client, []string{keyProcesses}, id, said, life.Milliseconds()).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("announce process: %w", err)
	}
	var all []Process
	for i := 0; i+1 < len(answer); i += 2 {
		var p Process
		if err := json.Unmarshal([]byte(answer[i+1]), &p); err != nil {
			p = Process{Role: "unreadable"} // of a later version: it reads no key that we know of
		}
		p.ID = answer[i]
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Process) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// incompatible says with which older process this one cannot work; nil: with
// all. Of two that cannot work together the one that came later refuses: the
// fleet that was there goes on.
func (s *Store) incompatible() error {
	all := s.fleet.Load()
	if all == nil {
		return nil
	}
	own := s.config.Process
	for _, p := range *all {
		if p.ID == own.ID {
			return nil // what follows came later
		}
		if p.Protocol < own.LeastProtocol || own.Protocol < p.LeastProtocol {
			return fmt.Errorf("this process speaks protocol %d (understands %d and later), %s speaks %d (understands %d and later): let that one end, or start the same version",
				own.Protocol, own.LeastProtocol, p, p.Protocol, p.LeastProtocol)
		}
	}
	return nil
}
