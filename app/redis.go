package app

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/penstock/penstock/internal/embedded"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/store"
)

const (
	storeFile     = "store.aof"  // the embedded store
	masterKeyFile = "master.key" // base64, made at the first start where the settings have none

	// embeddedBlock is how long a worker waits in one call at the embedded
	// store, which cannot be interrupted: so long may Ctrl-C take.
	embeddedBlock = 500 * time.Millisecond

	// redisPatience is how long Redis may take to answer at the start.
	redisPatience = 10 * time.Second
)

// openRedis connects to the Redis of the settings, or starts one: embedded, or
// as a child.
func (p *Program) openRedis(ctx context.Context) error {
	url := p.settings.Redis
	if p.role.Dev || url == startRedis {
		if err := p.openData(); err != nil {
			return err
		}
	}
	var err error
	switch url {
	case "": // only in dev, see Settings.check
		url, err = p.startEmbedded()
	case startRedis:
		url, err = p.startRedisChild(ctx)
	}
	if err != nil {
		return err
	}
	conn, err := redisconn.Parse(url)
	if err != nil {
		return err
	}
	p.redis = p.measured(conn.WithPool(p.settings.RedisPool))
	if err := p.ping(ctx); err != nil {
		return err
	}
	p.warnOfEviction(ctx)
	p.shared = p.redis.Client()
	p.onClose(p.shared.Close)
	return nil
}

// warnOfEviction says of a Redis that may forget runs what it would do. A user
// who may not ask is not warned; doctor says so.
func (p *Program) warnOfEviction(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, redisPatience)
	defer cancel()
	policy, err := p.redis.Eviction(ctx)
	if err != nil {
		p.log.Debug("read Redis' maxmemory-policy", "error", err)
		return
	}
	if policy != "" && policy != redisconn.NoEviction {
		p.log.Warn("Redis forgets runs when it is full: CONFIG SET maxmemory-policy noeviction, and in redis.conf", "maxmemory_policy", policy)
	}
}

func (p *Program) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, redisPatience)
	defer cancel()
	if err := p.redis.Check(ctx); err != nil {
		return fmt.Errorf("connect to Redis: %w", err)
	}
	return nil
}

// startEmbedded keeps its file in the data directory.
func (p *Program) startEmbedded() (url string, err error) {
	file := ""
	if p.dataDir != "" {
		file = filepath.Join(p.dataDir, storeFile)
	}
	server, err := embedded.Start(embedded.Config{File: file, Log: p.log})
	if err != nil {
		return "", err
	}
	p.onClose(server.Close)
	p.block = embeddedBlock
	return server.URL(), nil
}

// openData makes the data directory of dev, or of a server that starts Redis.
func (p *Program) openData() (err error) {
	p.dataDir = p.settings.Data
	switch p.dataDir {
	case NoData:
		p.dataDir = ""
		return nil
	case "":
		if p.dataDir, err = stateDir(); err != nil {
			return fmt.Errorf("find a directory for the data: %w; name one with --data", err)
		}
	}
	if err := os.MkdirAll(p.dataDir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	return nil
}

// stateDir is where programs keep their state on this system.
func stateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "penstock"), nil
	}
	if home, err := os.UserHomeDir(); err == nil && os.PathSeparator == '/' {
		return filepath.Join(home, ".local", "state", "penstock"), nil
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "penstock"), err
}

// masterKeys returns those of the settings. Who has a data directory makes one
// and keeps it there.
func (p *Program) masterKeys() ([][]byte, error) {
	switch {
	case len(p.settings.MasterKeys) > 0:
		return p.settings.MasterKeys, nil
	case p.dataDir == "":
		return [][]byte{store.NewMasterKey()}, nil
	}
	file := filepath.Join(p.dataDir, masterKeyFile)
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		key := store.NewMasterKey()
		return [][]byte{key}, os.WriteFile(file, []byte(base64.StdEncoding.EncodeToString(key)+"\n"), 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("read master key: %w", err)
	}
	keys, err := store.ParseMasterKeys(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return keys, nil
}
