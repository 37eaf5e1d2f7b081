package app

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/penstock/penstock/internal/redischild"
)

// startRedis is the value of --redis that starts a redis-server.
const startRedis = "start"

// startRedisChild starts the redis-server of this machine. It ends after all its clients.
func (p *Program) startRedisChild(ctx context.Context) (url string, err error) {
	server, err := redischild.Start(ctx, redischild.Config{Dir: filepath.Join(p.dataDir, "redis"), Log: p.log})
	if err != nil {
		return "", err
	}
	p.onClose(server.Close)
	p.add("redis-server", server.Run)
	p.log.Info("redis-server started", "pid", server.Pid(), "data", p.dataDir)
	return server.URL(), nil
}

// checkServer checks the settings for --redis start.
func (s *Settings) checkServer(r Role) error {
	switch {
	case s.Redis == startRedis && !r.Server:
		return errors.New("read settings: --redis start is for `penstock server` alone; name a Redis with redis://…")
	case s.Redis == startRedis && (s.Data == "" || s.Data == NoData):
		return errors.New("read settings: --redis start needs --data, the directory that keeps Redis' data and the master key")
	case r.Server && s.Redis != startRedis && s.Data != "":
		return errors.New("read settings: --data requires --redis start")
	}
	return nil
}
