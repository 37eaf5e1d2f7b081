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

	"github.com/penstock/penstock/internal/secretstore"
)

const (
	// announceInterval is the interval at which a process announces itself.
	announceInterval = 2 * time.Second
	// announceTTL is the validity of an announcement. It is several times announceInterval, so that one lost announcement
	// does not matter.
	announceTTL = 10 * time.Second
)

//go:embed lua/fleet.lua
var fleetLua string

// fleetScript announces a process and returns all processes.
var fleetScript = redis.NewScript(fleetLua)

// Process is the announcement of a process to the fleet.
type Process struct {
	ID      string    `json:"-"`
	Role    string    `json:"role"` // "api", "worker", "server" and "dev", which are both; empty: not announced
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Version string    `json:"version"` // of the build
	Started time.Time `json:"started"`

	Keys          []string `json:"keys"` // ids of its master keys, in the order of the setting
	Schema        int      `json:"schema"`
	Protocol      int      `json:"protocol"`
	LeastProtocol int      `json:"least_protocol"` // oldest supported protocol

	// Secrets are the references to secrets that the process cannot read now, at most 20.
	Secrets []secretstore.Trouble `json:"secrets,omitempty"`
}

// String describes the process for display.
func (p Process) String() string {
	return fmt.Sprintf("%s %s, process %d, version %s", p.Role, p.Host, p.PID, cmp.Or(p.Version, "unknown"))
}

// Processes returns the live processes, the oldest first. Processes of versions before schema 2 are not announced.
func (s *Store) Processes(ctx context.Context) ([]Process, error) {
	return Processes(ctx, s.config.Redis)
}

// Processes returns the live processes announced in a Redis, the oldest first.
func Processes(ctx context.Context, client redis.Scripter) ([]Process, error) {
	return announce(ctx, client, "", "", 0)
}

// announceSelf announces this process and reads the announcements of the others.
func (s *Store) announceSelf(ctx context.Context) error {
	if s.config.Process.Role == "" {
		return nil
	}
	own := s.config.Process
	own.Secrets = s.config.SecretStores.Troubles()
	data, err := json.Marshal(own)
	if err != nil {
		return fmt.Errorf("announce process: %w", err)
	}
	all, err := announce(ctx, s.config.Redis, s.config.Process.ID, string(data), announceTTL)
	if err != nil {
		return err
	}
	s.fleet.Store(&all)
	s.presence.update(all, time.Now())
	return nil
}

// deregister removes the announcement of this process.
func (s *Store) deregister(ctx context.Context) {
	if s.config.Process.Role == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revisionLimit)
	defer cancel()
	if _, err := announce(ctx, s.config.Redis, s.config.Process.ID, "", 0); err != nil {
		s.config.Log.Debug("leave the fleet", "error", err) // the announcement expires
	}
}

func announce(ctx context.Context, client redis.Scripter, id, announcement string, life time.Duration) ([]Process, error) {
	answer, err := fleetScript.Run(ctx, client, []string{keyProcesses}, id, announcement, life.Milliseconds()).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("announce process: %w", err)
	}
	var all []Process
	for i := 0; i+1 < len(answer); i += 2 {
		var p Process
		if err := json.Unmarshal([]byte(answer[i+1]), &p); err != nil {
			p = Process{Role: "unreadable"} // of a later version
		}
		p.ID = answer[i]
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Process) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// incompatible returns an error that names the older process with which this one cannot work; nil when there is none.
// Of two incompatible processes the newer one stops, so that the existing fleet goes on.
func (s *Store) incompatible() error {
	all := s.fleet.Load()
	if all == nil {
		return nil
	}
	own := s.config.Process
	for _, p := range *all {
		if p.ID == own.ID {
			return nil // later ones are newer than this process
		}
		if p.Protocol < own.LeastProtocol || own.Protocol < p.LeastProtocol {
			return fmt.Errorf("this process speaks protocol %d (understands %d and later), %s speaks %d (understands %d and later): let that one end, or start the same version",
				own.Protocol, own.LeastProtocol, p, p.Protocol, p.LeastProtocol)
		}
	}
	return nil
}
