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
	masterKeyFile = "master.key" // base64; created at the first start if the settings have no master key

	// embeddedBlock is the duration of one blocking call of a worker to the embedded store. Such a call cannot be
	// interrupted, so that Ctrl-C may take this long.
	embeddedBlock = 500 * time.Millisecond

	// redisStartLimit is how long the start of the process waits for Redis.
	redisStartLimit = 10 * time.Second
)

// openRedis connects to the Redis of the settings, or starts an embedded store or a redis-server.
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
	p.redis = p.withMetrics(conn.WithPool(p.settings.RedisPool))
	if err := p.ping(ctx); err != nil {
		return err
	}
	p.warnAboutEviction(ctx)
	p.shared = p.redis.Client()
	p.onClose(p.shared.Close)
	return nil
}

// warnAboutEviction logs a warning when Redis may evict runs. Without the permission to read the policy it logs
// nothing; doctor reports that.
func (p *Program) warnAboutEviction(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, redisStartLimit)
	defer cancel()
	policy, err := p.redis.Eviction(ctx)
	if err != nil {
		p.log.Debug("read Redis' maxmemory-policy", "error", err)
		return
	}
	if policy != "" && policy != redisconn.NoEviction {
		p.log.Warn("Redis evicts runs when it is full: CONFIG SET maxmemory-policy noeviction, and in redis.conf", "maxmemory_policy", policy)
	}
}

func (p *Program) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, redisStartLimit)
	defer cancel()
	if err := p.redis.Check(ctx); err != nil {
		return fmt.Errorf("connect to Redis: %w", err)
	}
	return nil
}

// startEmbedded starts the embedded store with its file in the data directory.
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

// openData creates the data directory of dev, or of a server that starts redis-server.
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

// stateDir returns the directory for the state of programs on this system.
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

// masterKeys returns the master keys of the settings. Without any, it reads the key in the data directory, or creates
// one there.
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
