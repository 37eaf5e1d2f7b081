package queue

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// About is what a worker says of itself, for people.
type About struct {
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
}

// enlisted is an entry of the fleet.
type registration struct {
	About
	Slots int `json:"slots"`
}

// musterEvery is how often a worker says again who it is.
const registerInterval = 10 * time.Second

// muster keeps this worker's entry in the fleet. Its life as a worker does not
// hang on it: that is beat's.
func (s *Server) keepRegistration(ctx context.Context) {
	tick := time.NewTicker(registerInterval)
	defer tick.Stop()
	for {
		if err := s.register(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("enlist worker", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// enlist makes the queue known, writes this worker's entry, and forgets those
// of workers that are gone.
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

// obey rests while this worker is to be drained, and works again after that.
func (s *Server) setDraining(rest bool) {
	if s.claims.draining.Swap(rest) != rest {
		s.cfg.Log.Info("worker drained from afar", "queue", s.cfg.Queue, "rests", rest, "runs", s.inFlight.count())
	}
}

func (s *Server) removeRegistration(ctx context.Context, worker string) {
	pipe := s.redis.Pipeline()
	pipe.HDel(ctx, s.keys.fleet(), worker)
	pipe.SRem(ctx, s.keys.drain(), worker)
	if _, err := pipe.Exec(ctx); err != nil {
		s.cfg.Log.Debug("forget worker", "worker", worker, "error", err) // who enlists next does it
	}
}
