package queue

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// About describes a worker process for people.
type About struct {
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
}

// registration is the stored description of a worker in the fleet.
type registration struct {
	About
	Slots int `json:"slots"`
}

// registerInterval is the time between two writes of the registration.
const registerInterval = 10 * time.Second

// keepRegistration writes this worker's registration periodically until ctx ends. It
// is informational only: beat decides whether a worker is alive.
func (s *Server) keepRegistration(ctx context.Context) {
	tick := time.NewTicker(registerInterval)
	defer tick.Stop()
	for {
		if err := s.register(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("register worker", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// register adds the queue to asynq's queues, writes this worker's registration, and
// removes those of workers that are not alive.
func (s *Server) register(ctx context.Context) error {
	if err := s.redis.SAdd(ctx, asynqQueues, s.cfg.Queue).Err(); err != nil {
		return err
	}
	entry, err := json.Marshal(registration{s.cfg.About, s.cfg.Slots})
	if err != nil {
		return err
	}
	if err := s.redis.HSet(ctx, s.keys.fleet(), s.cfg.ID, entry).Err(); err != nil {
		return err
	}
	known, err := s.redis.HKeys(ctx, s.keys.fleet()).Result()
	if err != nil {
		return err
	}
	alive, err := s.redis.ZRange(ctx, s.keys.workers(), 0, -1).Result()
	if err != nil {
		return err
	}
	for _, id := range known {
		if id != s.cfg.ID && !slices.Contains(alive, id) {
			s.removeRegistration(ctx, id)
		}
	}
	return nil
}

// setDraining stops or restarts claiming, as Client.Drain has set it.
func (s *Server) setDraining(drain bool) {
	if s.claims.draining.Swap(drain) != drain {
		s.cfg.Log.Info("worker draining changed", "queue", s.cfg.Queue, "rests", drain, "runs", s.inFlight.count())
	}
}

func (s *Server) removeRegistration(ctx context.Context, worker string) {
	pipe := s.redis.Pipeline()
	pipe.HDel(ctx, s.keys.fleet(), worker)
	pipe.SRem(ctx, s.keys.drain(), worker)
	if _, err := pipe.Exec(ctx); err != nil {
		s.cfg.Log.Debug("remove registration of worker", "worker", worker, "error", err) // the next worker that registers removes it
	}
}
