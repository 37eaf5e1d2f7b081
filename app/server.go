package app

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redischild"
)

// startRedis is the value of --redis that starts a redis-server.
const startRedis = "start"

func newServer(e env, kinds *flows.Catalogue) *cobra.Command {
	return newServe(e, kinds, role{door: true, worker: true, server: true}, &cobra.Command{
		Use:   "server",
		Short: "Run the front door and a worker in one process: an installation on one machine",
		Long: "Run the front door and a worker in one process. With --redis start it also runs the\n" +
			"redis-server of this machine as its child, which keeps every accepted run on disk\n" +
			"(appendonly, synced always) in the directory of --data, is reached by nobody else, and\n" +
			"ends with it. Without a master key in the settings it then makes one in that directory:\n" +
			"back both up together. `api` and `worker` are the same in separate processes.",
		Example: "  penstock server --redis start --data /var/lib/penstock --flows /etc/penstock/flows\n" +
			"  penstock server --redis redis://127.0.0.1:6379 --listen :8080",
	})
}

// startRedisChild starts the redis-server of this machine. It ends after all
// that use it.
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

// checkServer checks what only a role with --redis start may be told.
func (s *Settings) checkServer(r role) error {
	switch {
	case s.Redis == startRedis && !r.server:
		return errors.New("read settings: --redis start is for `penstock server` alone; name a Redis with redis://…")
	case s.Redis == startRedis && (s.Data == "" || s.Data == noData):
		return errors.New("read settings: --redis start needs --data, the directory that keeps Redis' data and the master key")
	case r.server && s.Redis != startRedis && s.Data != "":
		return errors.New("read settings: --data is of use with --redis start only")
	}
	return nil
}
